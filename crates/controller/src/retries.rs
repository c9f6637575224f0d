//! When a thing that failed is tried again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// The first pause after a failure.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause, however often a thing failed.
const LONGEST: Duration = Duration::from_secs(600);
/// The longest pause after a failure of the API server.
const LONGEST_UNSERVED: Duration = Duration::from_secs(30);
/// The longest pause that somebody else may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// The failures of objects, by their uid, and when the next try of each is due.
///
/// A failure counts for the version of the specification that failed: a corrected one is tried at once. The memory is lost with
/// the process; then everything is tried once more.
#[derive(Debug, Default)]
pub(crate) struct Retries(Mutex<HashMap<String, Failures>>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    version: Option<i64>,
    count: u32,
    due: Timestamp,
    /// How long that was from when it was noted.
    pause: Duration,
    /// Whether somebody else asked for the pause.
    is_asked: bool,
}

impl Retries {
    /// When the next try of this version of an object is due, if its last one failed.
    ///
    /// A moment further away than its pause was noted by a clock that has been set back since: then it is due now.
    pub(crate) fn due(&self, uid: &str, version: Option<i64>, now: Timestamp) -> Option<Timestamp> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failures.get(uid).filter(|known| known.version == version)?;
        Some(if until(known.due, now) > known.pause { now } else { known.due })
    }

    /// Notes a failure, and says when the next try is due: after the pause that was asked for, or else after one that doubles
    /// with each failure in turn, and is `least` at least.
    pub(crate) fn failed(
        &self,
        uid: &str,
        version: Option<i64>,
        asked: Option<Duration>,
        least: Duration,
        now: Timestamp,
    ) -> Timestamp {
        let asked = asked.map(|asked| asked.clamp(FIRST, LONGEST_ASKED));
        let chosen = |count| asked.unwrap_or_else(|| pause(count).max(least));
        self.note((uid, version), asked.is_some(), chosen, now)
    }

    /// Notes that the API server failed, and says when the next try is due: soon, however long that has been so. When it is back,
    /// everything goes on.
    pub(crate) fn unserved(&self, uid: &str, version: Option<i64>, now: Timestamp) -> Timestamp {
        self.note((uid, version), false, |count| pause(count).min(LONGEST_UNSERVED), now)
    }

    fn note(
        &self,
        (uid, version): (&str, Option<i64>),
        is_asked: bool,
        pause: impl FnOnce(u32) -> Duration,
        now: Timestamp,
    ) -> Timestamp {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = failures.get(uid).filter(|known| known.version == version);
        let count = before.map_or(0, |known| known.count + 1);
        let pause = spread(pause(count), uid);
        let due = after(now, pause);
        failures.insert(uid.to_owned(), Failures { version, count, due, pause, is_asked });
        due
    }

    /// Has an object that waits for its next try tried now, unless somebody asked for the pause. Says whether it waited.
    pub(crate) fn hurry(&self, uid: &str) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = failures.get(uid).is_some_and(|known| !known.is_asked);
        waits && failures.remove(uid).is_some()
    }

    /// Notes that an object is well, or gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

fn pause(count: u32) -> Duration {
    FIRST.saturating_mul(2_u32.saturating_pow(count.min(16))).min(LONGEST)
}

/// Up to a quarter more, by the uid: what failed together is not tried together.
pub(crate) fn spread(pause: Duration, uid: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 256).unwrap_or_default();
    pause + pause / 1024 * share
}

/// How long it is until a moment; nothing where it has passed.
pub(crate) fn until(moment: Timestamp, now: Timestamp) -> Duration {
    moment.duration_since(now).try_into().unwrap_or(Duration::ZERO)
}

/// The moment that comes so long after another; the end of time where there is none.
pub(crate) fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now.saturating_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(retries: &Retries, asked: Option<Duration>) -> u64 {
        let now = Timestamp::UNIX_EPOCH;
        until(retries.failed("uid", Some(1), asked, Duration::ZERO, now), now).as_secs()
    }

    #[test]
    fn an_api_server_that_is_back_is_found_soon_however_long_it_was_away() {
        let (retries, now) = (Retries::default(), Timestamp::UNIX_EPOCH);
        let pauses: Vec<u64> =
            (0..14).map(|_| until(retries.unserved("uid", Some(1), now), now).as_secs()).collect();
        assert!((1..=2).contains(&pauses[0]) && pauses.is_sorted(), "{pauses:?}");
        assert!((30..=38).contains(&pauses[13]), "{pauses:?}");
    }

    #[test]
    fn pauses_double_up_to_ten_minutes_and_a_quarter() {
        let retries = Retries::default();
        let pauses: Vec<u64> = (0..14).map(|_| seconds(&retries, None)).collect();
        assert!((1..=2).contains(&pauses[0]), "{pauses:?}");
        assert!((8..=10).contains(&pauses[3]), "{pauses:?}");
        assert!((600..=750).contains(&pauses[13]), "{pauses:?}");
    }

    #[test]
    fn a_pause_that_was_asked_for_is_kept_within_reason() {
        let retries = Retries::default();
        assert!((30..=38).contains(&seconds(&retries, Some(Duration::from_secs(30)))));
        assert!((1..=2).contains(&seconds(&retries, Some(Duration::ZERO))));
        assert!((3600..=4500).contains(&seconds(&retries, Some(Duration::MAX))));
    }

    #[test]
    fn a_pause_that_nobody_asked_for_is_as_long_as_the_one_who_tries_has_time_at_least() {
        let (retries, least) = (Retries::default(), Duration::from_secs(30));
        let due = retries.failed("uid", Some(1), None, least, Timestamp::UNIX_EPOCH);
        assert!((30..=38).contains(&until(due, Timestamp::UNIX_EPOCH).as_secs()));
    }

    #[test]
    fn a_pause_of_a_day_is_kept() {
        let (retries, day) = (Retries::default(), Duration::from_secs(86_400));
        let due = retries.failed("uid", Some(1), None, day, Timestamp::UNIX_EPOCH);
        assert!(until(due, Timestamp::UNIX_EPOCH) >= day);
        assert_eq!(retries.due("uid", Some(1), Timestamp::UNIX_EPOCH), Some(due));
    }

    #[test]
    fn who_is_told_of_a_push_does_not_wait_unless_the_registry_asked_for_that() {
        let retries = Retries::default();
        let failed = |asked| retries.failed("uid", Some(1), asked, Duration::ZERO, Timestamp::UNIX_EPOCH);
        failed(Some(Duration::from_secs(30)));
        assert!(!retries.hurry("uid"));
        assert!(retries.due("uid", Some(1), Timestamp::UNIX_EPOCH).is_some());
        failed(None);
        assert!(retries.hurry("uid"));
        assert_eq!(retries.due("uid", Some(1), Timestamp::UNIX_EPOCH), None);
        assert!(!retries.hurry("uid"));
    }

    #[test]
    fn a_corrected_specification_is_tried_at_once() {
        let retries = Retries::default();
        let due = retries.failed("uid", Some(1), None, Duration::ZERO, Timestamp::UNIX_EPOCH);
        assert_eq!(retries.due("uid", Some(1), Timestamp::UNIX_EPOCH), Some(due));
        assert_eq!(retries.due("uid", Some(2), Timestamp::UNIX_EPOCH), None);
        retries.forget("uid");
        assert_eq!(retries.due("uid", Some(1), Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_a_day() {
        let retries = Retries::default();
        let tomorrow = Timestamp::from_second(86_400).unwrap();
        retries.failed("uid", Some(1), None, Duration::ZERO, tomorrow);
        assert_eq!(retries.due("uid", Some(1), Timestamp::UNIX_EPOCH), Some(Timestamp::UNIX_EPOCH));
    }
}
