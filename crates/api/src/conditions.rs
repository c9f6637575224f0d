//! What the state of a Tag is called, by the rules of kstatus: `Ready`, `Reconciling` and `Stalled`.
//!
//! `Ready` is always there. `Reconciling` and `Stalled` are there only while they are true; never both.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The state of a Tag, in the words of its conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The Tag is as its specification wants it.
    Ready {
        /// One word for machines.
        reason: &'static str,
        /// A sentence for people.
        message: String,
    },
    /// The Tag is not there yet, and is being worked on.
    Reconciling {
        /// One word for machines.
        reason: &'static str,
        /// A sentence for people.
        message: String,
    },
    /// The Tag can't get there until its specification, or something else, is changed.
    Stalled {
        /// One word for machines.
        reason: &'static str,
        /// A sentence for people.
        message: String,
    },
}

impl State {
    /// The conditions that say so. A condition that says what it said before keeps its time of transition.
    pub fn conditions(&self, before: &[Condition], observed: Option<i64>, now: Timestamp) -> Vec<Condition> {
        let condition = |kind: &str, status: &str, reason: &str, message: &str| {
            let same = before.iter().find(|old| old.type_ == kind && old.status == status);
            Condition {
                type_: kind.to_owned(),
                status: status.to_owned(),
                reason: reason.to_owned(),
                message: message.to_owned(),
                observed_generation: observed,
                last_transition_time: same.map_or(Time(now), |old| old.last_transition_time.clone()),
            }
        };
        match self {
            Self::Ready { reason, message } => vec![condition("Ready", "True", reason, message)],
            Self::Reconciling { reason, message } => vec![
                condition("Ready", "False", reason, message),
                condition("Reconciling", "True", reason, message),
            ],
            Self::Stalled { reason, message } => vec![
                condition("Ready", "False", reason, message),
                condition("Stalled", "True", reason, message),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(conditions: &[Condition]) -> Vec<(&str, &str)> {
        conditions.iter().map(|told| (told.type_.as_str(), told.status.as_str())).collect()
    }

    #[test]
    fn each_state_has_its_conditions() {
        let (reason, message) = ("Word", "A sentence.".to_owned());
        let conditions = |state: State| state.conditions(&[], Some(3), Timestamp::UNIX_EPOCH);
        assert_eq!(told(&conditions(State::Ready { reason, message: message.clone() })), [("Ready", "True")]);
        let reconciling = conditions(State::Reconciling { reason, message: message.clone() });
        assert_eq!(told(&reconciling), [("Ready", "False"), ("Reconciling", "True")]);
        let stalled = conditions(State::Stalled { reason, message });
        assert_eq!(told(&stalled), [("Ready", "False"), ("Stalled", "True")]);
        assert!(stalled.iter().all(|told| told.observed_generation == Some(3)));
    }

    #[test]
    fn a_transition_is_when_the_status_changes_and_not_when_the_words_do() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let state = |reason, message: &str| State::Reconciling { reason, message: message.into() };
        let first = state("A", "a").conditions(&[], Some(1), at(1));
        let second = state("B", "b").conditions(&first, Some(2), at(2));
        assert_eq!(second[0].last_transition_time, Time(at(1)));
        let ready = State::Ready { reason: "C", message: String::new() }.conditions(&second, Some(2), at(3));
        assert_eq!(ready[0].last_transition_time, Time(at(3)));
    }
}
