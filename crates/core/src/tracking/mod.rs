//! What makes a Tag look at its registry without a person, and when.

mod interval;
mod schedule;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use interval::{IntervalError, SHORTEST_INTERVAL, duration, interval};
pub use schedule::{Schedule, ScheduleError};

#[cfg(test)]
mod tests;

/// What makes a Tag look at its registry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tracking {
    /// Whether push notifications are heard.
    pub push: bool,
    /// How long after a look the next one is due.
    pub interval: Option<Duration>,
    /// At which moments a look is due.
    pub schedule: Option<Schedule>,
}

/// Clocks of two replicas, or of one before and after it was set, may differ by this much and still be believed.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A tick that came this long before the start, at most, is caught up.
const CAUGHT_UP: SignedDuration = SignedDuration::from_hours(1);

/// Looks of one tick, and those that catch one up, are spread over this long at most.
const SPREAD: SignedDuration = SignedDuration::from_mins(1);

impl Tracking {
    /// When the next look is due: of interval and schedule whichever comes first, or none where there is neither. A
    /// moment that is not after `now` is overdue.
    ///
    /// `seed` is the Tag's own and stays, so that many Tags are not due at once. `last` is the last look, an import
    /// among them; `started` is when this process began to look. Moments ahead of `now` count as now; what is more
    /// than minutes ahead was told by a clock that was wrong, and is not known.
    pub fn next(
        &self,
        seed: u64,
        last: Option<Timestamp>,
        started: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let believed = |moment: &Timestamp| *moment <= later(now, SKEW);
        let last = last.filter(believed).map(|last| last.min(now));
        let started = Some(started).filter(believed).map(|started| started.min(now));
        let since = Since { seed, last, started, now };
        let polled = self.interval.map(|interval| since.interval(length(interval)));
        let scheduled = self.schedule.as_ref().and_then(|schedule| since.schedule(schedule));
        [polled, scheduled].into_iter().flatten().min()
    }
}

/// What the next look is reckoned from.
struct Since {
    seed: u64,
    last: Option<Timestamp>,
    started: Option<Timestamp>,
    now: Timestamp,
}

impl Since {
    /// The first look after a start is spread over a whole interval, so that a start asks nobody for everything at once.
    /// The place in it is another one with each start: a process that starts often leaves no Tag out for ever.
    fn interval(&self, interval: SignedDuration) -> Timestamp {
        let after = |last| later(last, interval.saturating_add(self.part_of(interval / 10, last)));
        let first = |started| later(started, self.part_of(interval, started));
        match (self.last, self.started) {
            (Some(last), Some(started)) if last < started => first(started).max(after(last)),
            (Some(last), _) => after(last),
            (None, Some(started)) => first(started),
            (None, None) => self.now,
        }
    }

    /// A tick that passed while nobody ran is caught up after the start; the others are due when they come.
    fn schedule(&self, schedule: &Schedule) -> Option<Timestamp> {
        let Some(from) = self.started.map(|started| later(started, -CAUGHT_UP)).max(self.last) else {
            return Some(self.now);
        };
        let tick = schedule.after(from)?;
        if let Some(started) = self.started.filter(|started| tick <= *started) {
            return Some(later(started, self.part_of(SPREAD, started)));
        }
        let distance = schedule.after(tick).map_or(SignedDuration::MAX, |next| next.duration_since(tick));
        Some(later(tick, self.part_of(SPREAD.min(distance / 10), tick)))
    }

    /// A part of a duration that looks random, and is the same for the same Tag and moment.
    fn part_of(&self, whole: SignedDuration, moment: Timestamp) -> SignedDuration {
        let mut hasher = DefaultHasher::new();
        (self.seed, moment.as_nanosecond()).hash(&mut hasher);
        let share = i128::from(hasher.finish() >> 32);
        SignedDuration::from_nanos_i128((whole.as_nanos().saturating_mul(share)) >> 32)
    }
}

/// A moment that is that much later; the last of all where there is none.
fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn length(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
