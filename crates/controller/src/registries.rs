//! Which registries answer, and how many imports each has under way: one that is down keeps nobody else waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tagger_core::reference::{Reference, Registry};
use tokio::sync::Semaphore;

use crate::retries::after;

/// How long a registry that does not answer is left alone at first.
const FIRST: Duration = Duration::from_secs(5);
/// How long it is left alone at most.
const LONGEST: Duration = Duration::from_secs(60);
/// How soon those are to look again who wait for the one that tries.
const GLANCE: Duration = Duration::from_secs(1);
/// How long one Tag may try while the others wait for what it finds.
const PROBE: Duration = Duration::from_secs(30);

/// What is known of each registry. A name without a registry belongs to none, and is never held up.
#[derive(Debug)]
pub(crate) struct Registries {
    at_once: usize,
    known: Mutex<HashMap<Option<Registry>, State>>,
}

#[derive(Debug)]
struct State {
    places: Arc<Semaphore>,
    voice: Voice,
}

/// Whether a registry answers.
#[derive(Clone, Copy, Debug)]
enum Voice {
    /// It does, as far as anybody knows.
    Answers,
    /// It did not, this many times in turn, and is left alone.
    Silent { until: Timestamp, times: u32 },
    /// One Tag tries again.
    Tried { until: Timestamp, times: u32 },
}

impl Registries {
    /// Registries with this many imports at once, each.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { at_once, known: Mutex::default() }
    }

    /// The places for imports from a reference's registry.
    pub(crate) fn places(&self, from: &Reference) -> Arc<Semaphore> {
        self.with(from, |state| state.places.clone())
    }

    /// When to look again at a registry that is to be left alone now. Where that time is over, whoever asks first is the one to
    /// try, and the others are held up until it knows more.
    pub(crate) fn held_until(&self, from: &Reference, now: Timestamp) -> Option<Timestamp> {
        from.registry()?;
        self.with(from, |state| match state.voice {
            Voice::Answers => None,
            Voice::Silent { until, .. } if until > now => Some(until),
            Voice::Tried { until, .. } if until > now => Some(after(now, GLANCE)),
            Voice::Silent { times, .. } | Voice::Tried { times, .. } => {
                state.voice = Voice::Tried { until: after(now, PROBE), times };
                None
            }
        })
    }

    /// Notes that a registry did not answer. Those who tried at the same time count once.
    pub(crate) fn is_silent(&self, from: &Reference, now: Timestamp) {
        self.with(from, |state| {
            let times = match state.voice {
                Voice::Silent { until, .. } if until > now => return,
                Voice::Answers => 0,
                Voice::Silent { times, .. } | Voice::Tried { times, .. } => times.saturating_add(1),
            };
            let pause = FIRST.saturating_mul(2_u32.saturating_pow(times.min(8))).min(LONGEST);
            state.voice = Voice::Silent { until: after(now, pause), times };
        });
    }

    /// Notes that a registry answered, whatever it said.
    pub(crate) fn answers(&self, from: &Reference) {
        self.with(from, |state| state.voice = Voice::Answers);
    }

    fn with<T>(&self, from: &Reference, change: impl FnOnce(&mut State) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let state = known.entry(from.registry().cloned()).or_insert_with(|| State {
            places: Arc::new(Semaphore::new(self.at_once)),
            voice: Voice::Answers,
        });
        change(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn from(name: &str) -> Reference {
        name.parse().unwrap()
    }

    #[test]
    fn a_registry_that_is_silent_is_left_alone_longer_each_time_and_no_other_is() {
        let (registries, silent) = (Registries::new(1), from("quay.io/a"));
        registries.is_silent(&silent, at(0));
        registries.is_silent(&silent, at(1));
        assert_eq!(registries.held_until(&silent, at(1)), Some(at(5)), "a burst counts once");
        assert_eq!(registries.held_until(&from("docker.io/a"), at(1)), None);
        assert_eq!(registries.held_until(&silent, at(5)), None, "one may try");
        assert_eq!(registries.held_until(&silent, at(5)), Some(at(6)), "the others look again soon");
        registries.is_silent(&silent, at(6));
        assert_eq!(registries.held_until(&silent, at(6)), Some(at(16)));
        let mut now = 16;
        for _ in 0..9 {
            assert_eq!(registries.held_until(&silent, at(now)), None);
            registries.is_silent(&silent, at(now));
            now += 60;
        }
        assert_eq!(registries.held_until(&silent, at(now - 1)), Some(at(now)), "a minute at most");
        registries.answers(&silent);
        assert_eq!(registries.held_until(&silent, at(now)), None);
    }

    #[test]
    fn one_who_tries_and_is_never_heard_of_does_not_hold_the_others_for_ever() {
        let (registries, silent) = (Registries::new(1), from("quay.io/a"));
        registries.is_silent(&silent, at(0));
        assert_eq!(registries.held_until(&silent, at(5)), None);
        assert_eq!(registries.held_until(&silent, at(35)), None);
    }

    #[test]
    fn a_name_without_a_registry_is_never_held_up() {
        let registries = Registries::new(1);
        registries.is_silent(&from("myapp"), at(0));
        assert_eq!(registries.held_until(&from("myapp"), at(1)), None);
    }
}
