//! When a Tag's repository in the cache is looked at.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tagger_api::TagStatus;

use super::copies::Copies;
use crate::retries::{after, spread, until};

/// How often a repository is looked at that needs nothing as far as anybody knows.
const REGULARLY: Duration = Duration::from_secs(60 * 60);
/// When one is looked at again that could not be tidied.
const AFTER_FAILURE: Duration = Duration::from_secs(10 * 60);
/// Within which time after a start every repository is looked at.
const AT_FIRST: Duration = Duration::from_secs(60);

/// What a repository was tidied for. Another layout wants another look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    name: String,
    current: Option<i64>,
    numbers: Vec<i64>,
}

impl Layout {
    /// The layout of this status in this place.
    pub(crate) fn of(status: Option<&TagStatus>, copies: &Copies) -> Self {
        let references = status.iter().flat_map(|status| status.references.iter());
        Self {
            name: copies.name(),
            current: status.and_then(|status| status.generation),
            numbers: references.map(|known| known.generation).collect(),
        }
    }
}

/// What each repository was tidied for and when it is looked at again, by the uid of its Tag. The memory is lost with the process;
/// then each is looked at once more.
#[derive(Debug, Default)]
pub(crate) struct Schedule(Mutex<HashMap<String, (Layout, Timestamp)>>);

impl Schedule {
    /// When a repository is to be tidied. A moment too far away was noted by a clock that has been set back since.
    pub(crate) fn due(&self, uid: &str, layout: &Layout, now: Timestamp) -> Timestamp {
        let mut known = self.lock();
        match known.get(uid) {
            Some((of, again)) if of == layout && until(*again, now) <= REGULARLY * 2 => *again,
            Some(_) => now,
            None => {
                // Up to a quarter is what they are spread by.
                let again = after(now, spread(AT_FIRST * 4, uid) - AT_FIRST * 4);
                known.insert(uid.to_owned(), (layout.clone(), again));
                again
            }
        }
    }

    /// Notes that a repository is as this layout wants it.
    pub(crate) fn is_tidy(&self, uid: &str, layout: Layout, now: Timestamp) {
        self.lock().insert(uid.to_owned(), (layout, after(now, spread(REGULARLY, uid))));
    }

    /// Notes that a repository could not be made what this layout wants.
    pub(crate) fn failed(&self, uid: &str, layout: Layout, now: Timestamp) {
        self.lock().insert(uid.to_owned(), (layout, after(now, spread(AFTER_FAILURE, uid))));
    }

    /// Forgets a Tag that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Layout, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn layout(current: i64, numbers: &[i64]) -> Layout {
        Layout { name: "cache.internal/dev/myapp".into(), current: Some(current), numbers: numbers.to_vec() }
    }

    #[test]
    fn a_repository_is_looked_at_soon_after_a_start_and_then_now_and_then() {
        let (schedule, as_it_is) = (Schedule::default(), layout(1, &[1, 0]));
        let first = schedule.due("uid", &as_it_is, at(0));
        assert!(first <= at(60), "{first}");
        assert_eq!(schedule.due("uid", &as_it_is, at(1)), first, "however often it is asked");
        schedule.is_tidy("uid", as_it_is.clone(), at(60));
        let next = schedule.due("uid", &as_it_is, at(61));
        assert!((at(3_660)..=at(4_560)).contains(&next), "{next}");
        schedule.failed("uid", as_it_is.clone(), at(60));
        assert!(schedule.due("uid", &as_it_is, at(61)) < at(900));
        schedule.forget("uid");
        assert!(schedule.due("uid", &as_it_is, at(99)) <= at(159));
    }

    #[test]
    fn a_step_and_a_generation_that_goes_make_it_due_at_once() {
        let schedule = Schedule::default();
        schedule.is_tidy("uid", layout(1, &[1, 0]), at(0));
        assert_eq!(schedule.due("uid", &layout(0, &[1, 0]), at(5)), at(5));
        assert_eq!(schedule.due("uid", &layout(1, &[1]), at(5)), at(5));
    }

    #[test]
    fn a_clock_that_is_set_back_puts_nothing_off_for_a_day() {
        let (schedule, as_it_is) = (Schedule::default(), layout(0, &[0]));
        schedule.is_tidy("uid", as_it_is.clone(), at(86_400));
        assert_eq!(schedule.due("uid", &as_it_is, at(0)), at(0));
    }
}
