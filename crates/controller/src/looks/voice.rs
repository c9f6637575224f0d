//! Whether a registry answers. One that does not is left alone, and then tried by one Tag before the others come back.

use std::time::Duration;

use jiff::Timestamp;

use crate::retries::after;

/// How long a registry that does not answer is left alone at first.
const FIRST: Duration = Duration::from_secs(5);
/// How long it is left alone at most.
const LONGEST: Duration = Duration::from_secs(60);

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
pub(crate) enum Heard {
    /// An answer, whatever it said.
    Answer,
    /// Nothing.
    Silence,
    /// Nothing that counts: it was given up before.
    Unknown,
}

impl Voice {
    /// What is known after a look. Those that began before the silence was noted count once.
    pub(super) fn after(self, heard: Heard, now: Timestamp) -> Self {
        match (heard, self) {
            (Heard::Answer, _) => Self::Answers,
            (Heard::Unknown, Self::Tried { times }) => Self::Silent { until: now, times },
            (Heard::Unknown, _) | (Heard::Silence, Self::Silent { .. }) => self,
            (Heard::Silence, Self::Answers) => Self::silent(0, now),
            (Heard::Silence, Self::Tried { times }) => Self::silent(times.saturating_add(1), now),
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
        let mut voice = Voice::Answers.after(Heard::Silence, at(0));
        assert_eq!(voice, Voice::Silent { until: at(5), times: 0 });
        assert_eq!(voice.after(Heard::Silence, at(1)), voice, "a burst counts once");
        for (times, pause) in [(1, 10), (2, 20), (3, 40), (4, 60), (5, 60)] {
            voice = Voice::Tried { times: times - 1 }.after(Heard::Silence, at(0));
            assert_eq!(voice, Voice::Silent { until: at(pause), times });
        }
        assert_eq!(voice.after(Heard::Answer, at(0)), Voice::Answers);
    }

    #[test]
    fn a_trial_that_was_given_up_is_made_again_at_once() {
        let voice = Voice::Tried { times: 3 }.after(Heard::Unknown, at(7));
        assert_eq!(voice, Voice::Silent { until: at(7), times: 3 });
        assert_eq!(Voice::Answers.after(Heard::Unknown, at(7)), Voice::Answers);
    }
}
