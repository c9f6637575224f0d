//! Whether a registry answers. One that does not is left alone, and then tried by one Tag before the others come back.

use std::time::Duration;

use jiff::Timestamp;

use crate::retries::after;

/// How long a registry that does not answer is left alone at first.
const FIRST: Duration = Duration::from_secs(5);
/// How long it is left alone at most.
const LONGEST: Duration = Duration::from_secs(60);

/// How long a silence is remembered where nobody asks any more: longer than any Tag waits that failed.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What is known of a registry's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// It answers, as far as anybody knows.
    Answers,
    /// It did not, this many times in turn after the first, and is left alone.
    Silent { until: Timestamp, times: u32 },
    /// One Tag tries again.
    Tried { times: u32 },
}

/// What a look learned of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// An answer, whatever it said.
    Answer,
    /// Nothing.
    Silence,
    /// Nothing that counts: it was given up before.
    Unknown,
}

impl Voice {
    /// Until when the registry is left alone, if it still is. A moment further away than any pause was noted by a clock that has
    /// been set back since.
    pub(super) fn alone_until(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Silent { until, .. } => (until > now && until <= after(now, LONGEST)).then_some(until),
            Self::Answers | Self::Tried { .. } => None,
        }
    }

    /// Whether anything is known that is still worth knowing where nobody asks: long after a registry was silent, it is not.
    pub(super) fn is_of_old(self, now: Timestamp) -> bool {
        match self {
            Self::Answers => true,
            Self::Silent { until, .. } => after(until, FORGOTTEN) < now,
            Self::Tried { .. } => false,
        }
    }

    /// What is known after a look. Those that began before the silence was noted count once.
    pub(super) fn after(self, reply: Reply, now: Timestamp) -> Self {
        match (reply, self) {
            (Reply::Answer, _) => Self::Answers,
            (Reply::Unknown, Self::Tried { times }) => Self::Silent { until: now, times },
            (Reply::Unknown, _) | (Reply::Silence, Self::Silent { .. }) => self,
            (Reply::Silence, Self::Answers) => Self::silent(0, now),
            (Reply::Silence, Self::Tried { times }) => Self::silent(times.saturating_add(1), now),
        }
    }

    fn silent(times: u32, now: Timestamp) -> Self {
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(times.min(8))).min(LONGEST);
        Self::Silent { until: after(now, pause), times }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_registry_that_is_silent_is_left_alone_longer_each_time() {
        let mut voice = Voice::Answers.after(Reply::Silence, at(0));
        assert_eq!(voice, Voice::Silent { until: at(5), times: 0 });
        assert_eq!(voice.after(Reply::Silence, at(1)), voice, "a burst counts once");
        for (times, pause) in [(1, 10), (2, 20), (3, 40), (4, 60), (5, 60)] {
            voice = Voice::Tried { times: times - 1 }.after(Reply::Silence, at(0));
            assert_eq!(voice, Voice::Silent { until: at(pause), times });
        }
        assert_eq!(voice.after(Reply::Answer, at(0)), Voice::Answers);
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_no_registry_alone_for_a_day() {
        let voice = Voice::Answers.after(Reply::Silence, at(86_400));
        assert_eq!(voice.alone_until(at(86_400)), Some(at(86_405)));
        assert_eq!((voice.alone_until(at(86_405)), voice.alone_until(at(0))), (None, None));
    }

    #[test]
    fn a_trial_that_was_given_up_is_made_again_at_once() {
        let voice = Voice::Tried { times: 3 }.after(Reply::Unknown, at(7));
        assert_eq!(voice, Voice::Silent { until: at(7), times: 3 });
        assert_eq!(Voice::Answers.after(Reply::Unknown, at(7)), Voice::Answers);
    }
}
