//! Generations that are not to be had any more where they came from.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::retries::{after, spread};

/// How long one is left alone before it is tried again.
const PAUSE: Duration = Duration::from_secs(30 * 60);

/// When each is tried again, by the uid of its Tag and its number. The memory is lost with the process.
#[derive(Debug, Default)]
pub(crate) struct Lost(Mutex<BTreeMap<(String, i64), Timestamp>>);

impl Lost {
    /// When a generation is to be tried again, if it was lost.
    pub(crate) fn retry_at(&self, uid: &str, number: i64) -> Option<Timestamp> {
        self.lock().get(&(uid.to_owned(), number)).copied()
    }

    /// Notes that a generation is lost. Says whether that is news.
    pub(crate) fn note(&self, uid: &str, number: i64, now: Timestamp) -> bool {
        let again = after(now, spread(PAUSE, uid));
        self.lock().insert((uid.to_owned(), number), again).is_none()
    }

    /// Notes that a generation was found.
    pub(crate) fn found(&self, uid: &str, number: i64) {
        self.lock().remove(&(uid.to_owned(), number));
    }

    /// Forgets a Tag that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().retain(|(known, _), _| known != uid);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, i64), Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_generation_is_news_once_and_left_alone_for_long() {
        let lost = Lost::default();
        assert!(lost.note("uid", 1, Timestamp::UNIX_EPOCH));
        assert!(!lost.note("uid", 1, Timestamp::UNIX_EPOCH));
        assert!(lost.retry_at("uid", 1).unwrap() >= Timestamp::from_second(1800).unwrap());
        assert_eq!((lost.retry_at("uid", 2), lost.retry_at("other", 1)), (None, None));
        lost.forget("uid");
        assert_eq!(lost.retry_at("uid", 1), None);
    }
}
