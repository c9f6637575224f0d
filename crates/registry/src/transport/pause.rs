//! When a registry wants to be left alone: pure, with time as an argument.

use std::time::Duration;

use tokio::time::Instant;

/// How long an account is left alone at most where the registry does not say for how long.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// What an account knows of its pauses.
#[derive(Debug, Default)]
pub(super) struct Pause {
    now: Option<Current>,
    /// How often in turn the registry limited without saying for how long.
    strikes: u32,
}

#[derive(Debug)]
struct Current {
    begun: Instant,
    until: Instant,
    /// What was answered.
    status: u16,
    /// Whether somebody is trying whether it is over.
    tried: bool,
}

/// What keeps a request of a paused account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Until when; none: until somebody else has tried.
    pub(super) until: Option<Instant>,
    /// What the registry answered.
    pub(super) status: u16,
}

impl Pause {
    /// What keeps a request now.
    pub(super) fn held(&self, now: Instant) -> Option<Held> {
        let Current { until, status, tried, .. } = *self.now.as_ref()?;
        let held = |until| Some(Held { until, status });
        match now < until {
            true => held(Some(until)),
            false if tried => held(None),
            false => None,
        }
    }

    /// Lets a request go that nothing keeps. Whether it is the one that tries for all others.
    pub(super) fn go(&mut self) -> bool {
        self.now.as_mut().map(|pause| pause.tried = true).is_some()
    }

    /// The one that tries has gone away.
    pub(super) fn given_up(&mut self) {
        if let Some(pause) = &mut self.now {
            pause.tried = false;
        }
    }

    /// The registry limited a request that was sent at this moment. `asked` is how long it wants to be left alone; where it
    /// does not say, it is `first`, and twice as long each time.
    pub(super) fn limited(
        &mut self,
        (sent, now): (Instant, Instant),
        (asked, first): (Option<Duration>, Duration),
        status: u16,
    ) {
        let is_news = self.is_news(sent);
        let asked = asked.filter(|asked| !asked.is_zero());
        // Of many that were under way when it began to limit, one counts.
        if is_news && asked.is_none() {
            self.strikes = self.strikes.saturating_add(1);
        }
        let own = first.saturating_mul(1 << self.strikes.saturating_sub(1).min(16));
        let until = now + asked.unwrap_or(own.min(LONGEST));
        match &mut self.now {
            Some(pause) if !is_news => pause.until = pause.until.max(until),
            _ => self.now = Some(Current { begun: now, until, status, tried: false }),
        }
    }

    /// A request that was sent at this moment was answered.
    pub(super) fn answered(&mut self, sent: Instant) {
        if self.is_news(sent) {
            *self = Self::default();
        }
    }

    /// A request that was sent at this moment came to nothing, for another reason.
    pub(super) fn failed(&mut self, sent: Instant) {
        if self.is_news(sent) {
            self.now = None;
        }
    }

    /// How long it still lasts.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let pause = self.now.as_ref()?;
        Some(pause.until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Whether what came of a request says more than that the pause was due.
    fn is_news(&self, sent: Instant) -> bool {
        self.now.as_ref().is_none_or(|pause| sent >= pause.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn left(pause: &Pause, now: Instant) -> u64 {
        pause.left(now).unwrap_or_default().as_secs()
    }

    #[test]
    fn what_is_asked_for_is_kept() {
        let (mut pause, now) = (Pause::default(), Instant::now());
        assert_eq!(pause.held(now), None);
        pause.limited((now, now), (Some(seconds(60)), FIRST), 429);
        assert_eq!(pause.held(now), Some(Held { until: Some(now + seconds(60)), status: 429 }));
        assert_eq!(left(&pause, now + seconds(20)), 40);
        assert_eq!(pause.held(now + seconds(60)), None);
    }

    #[test]
    fn without_a_word_pauses_double_and_are_forgotten_at_the_first_answer() {
        let (mut pause, mut now) = (Pause::default(), Instant::now());
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            pause.limited((now, now), (None, FIRST), 429);
            assert_eq!(left(&pause, now), expected);
            now += seconds(expected);
        }
        pause.answered(now);
        assert_eq!(pause.held(now), None);
        pause.limited((now, now), (None, FIRST), 429);
        assert_eq!(left(&pause, now), 1);
    }

    #[test]
    fn being_limited_for_ever_overflows_nothing() {
        let (mut pause, now) = (Pause { now: None, strikes: u32::MAX - 1 }, Instant::now());
        for _ in 0..3 {
            pause.limited((now, now), (Some(Duration::ZERO), FIRST), 429);
            assert_eq!(left(&pause, now), 300);
        }
    }

    #[test]
    fn of_many_that_were_under_way_one_counts() {
        let (mut pause, sent) = (Pause::default(), Instant::now());
        let now = sent + seconds(1);
        for _ in 0..32 {
            pause.limited((sent, now), (None, FIRST), 429);
        }
        assert_eq!(left(&pause, now), 1);
        // One that asks for more is heard all the same, and one that got through changes nothing.
        pause.limited((sent, now), (Some(seconds(30)), FIRST), 429);
        pause.answered(sent);
        pause.failed(sent);
        assert_eq!(left(&pause, now), 30);
    }

    #[test]
    fn when_it_is_over_one_tries_before_the_others() {
        let (mut pause, begun) = (Pause::default(), Instant::now());
        pause.limited((begun, begun), (Some(seconds(5)), FIRST), 503);
        let now = begun + seconds(5);
        assert_eq!(pause.held(now), None);
        assert!(pause.go());
        assert_eq!(pause.held(now), Some(Held { until: None, status: 503 }));
        pause.given_up();
        assert_eq!(pause.held(now), None);
        assert!(pause.go());
        pause.answered(now);
        assert_eq!(pause.held(now), None);
        assert!(!pause.go());
    }

    #[test]
    fn another_failure_ends_the_pause_and_is_no_answer() {
        let (mut pause, now) = (Pause::default(), Instant::now());
        pause.limited((now, now), (None, FIRST), 429);
        pause.failed(now + seconds(1));
        assert_eq!(pause.held(now + seconds(1)), None);
        pause.limited((now + seconds(2), now + seconds(2)), (None, FIRST), 429);
        assert_eq!(left(&pause, now + seconds(2)), 2);
    }
}
