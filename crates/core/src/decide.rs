//! The next step for a Tag.

use jiff::Timestamp;

use crate::generation::{History, Trigger};
use crate::mirroring::{self, Mirroring};
use crate::reference::{Digest, Reference};
use crate::request::Request;

/// All that the next step of a Tag depends on.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// Where the Tag imports from.
    pub from: &'a Reference,
    /// The generation that the specification names, or none for a Tag that follows.
    pub wanted: Option<i64>,
    /// Whether the Tag is to be left as it is.
    pub suspended: bool,
    /// The generation that workloads use now.
    pub current: Option<i64>,
    /// The generations that were imported.
    pub history: &'a History,
    /// Where the generations are to be, and which of them are not there.
    pub mirroring: &'a Mirroring,
    /// What a person asks for with `kubectl tag`.
    pub requested: Option<&'a Request>,
    /// Set while the last import or copy for this very specification failed: the moment for the next try.
    pub retry_at: Option<Timestamp>,
    /// Set where the registry is to be looked at again, though the specification asks for nothing: what asks for it.
    pub look: Option<Trigger>,
    /// The time now.
    pub now: Timestamp,
}

/// What a Tag needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is as it is wanted.
    Rest,
    /// Nothing, because the Tag is suspended.
    Suspended,
    /// Ask the registry, and make this generation, also of a digest that has not moved; where there is a cache, when its copy is there.
    Import {
        /// The number of the generation to make.
        number: i64,
        /// What asks for it.
        trigger: Trigger,
        /// Whether it becomes the current one.
        is_current: bool,
    },
    /// Make this generation of what a person put into the Tag's own repository in the cache.
    TakeUpload {
        /// The number of the generation to make.
        number: i64,
        /// The image that was put there.
        digest: Digest,
        /// Whether it becomes the current one.
        is_current: bool,
    },
    /// Ask the registry whether the tag has moved; [`crate::follow::consequence`] says what comes of it.
    Look {
        /// What asks for it.
        trigger: Trigger,
    },
    /// Make a generation the current one that is there already. No registry is asked.
    Select {
        /// The number of the generation to use.
        number: i64,
    },
    /// Copy a generation that is there into the cache, and have it used from there.
    Mirror {
        /// The number of the generation to copy.
        number: i64,
        /// Whether it failed before: what the Tag was told of that stays until the copy is there.
        quiet: bool,
    },
    /// Have every generation used from where it came from. No registry is asked.
    Restore,
    /// The specification wants a cache and none is configured.
    NoCache,
    /// Try again what failed, but not before this moment.
    Wait {
        /// When the next try is due.
        until: Timestamp,
    },
    /// The specification names a generation that is neither there nor the next one.
    Refuse {
        /// The numbers that it may name, newest first.
        choices: Vec<i64>,
    },
}

/// Says what a Tag needs next, by the rules of its generations and then by those of the cache: a step to a generation that is
/// there waits for no copy.
pub fn decide(situation: &Situation<'_>) -> Step {
    if situation.suspended {
        return Step::Suspended;
    }
    let step = match situation.wanted {
        Some(wanted) => named(situation, wanted),
        None => following(situation),
    };
    mirroring::then(look(requested(step, situation), situation), situation)
}

/// A person asked for the next generation. Where the specification names another one, that stays the current one; a step to it goes
/// first, and a number that is refused leaves nothing to be done.
fn requested(step: Step, situation: &Situation<'_>) -> Step {
    let number = situation.history.next_number();
    let Some(request) = situation.requested.filter(|request| request.generation == number) else {
        return step;
    };
    if !matches!(step, Step::Rest | Step::Import { .. } | Step::Wait { .. }) {
        return step;
    }
    let is_current = situation.wanted.is_none_or(|wanted| wanted == number);
    let wish = match request.digest.clone() {
        Some(digest) => Step::TakeUpload { number, digest, is_current },
        None => Step::Import { number, trigger: Trigger::Manual, is_current },
    };
    when_due(situation, wish)
}

/// A Tag that is as it is wanted is looked at when something asks for it. One with a number whose `from` was changed waits for the
/// next number, and what has a digest does not move.
fn look(step: Step, situation: &Situation<'_>) -> Step {
    let is_here = situation.history.newest().is_some_and(|newest| newest.is_from(situation.from));
    match (step, situation.look, situation.retry_at) {
        (Step::Rest, Some(_), Some(until)) if is_here && until > situation.now => Step::Wait { until },
        (Step::Rest, Some(trigger), _) if is_here && situation.from.digest().is_none() => {
            Step::Look { trigger }
        }
        (step, ..) => step,
    }
}

/// A Tag that names its generation goes to it, or makes it where it is the next one.
fn named(situation: &Situation<'_>, wanted: i64) -> Step {
    let history = situation.history;
    if history.get(wanted).is_some() {
        return select(situation, wanted);
    }
    match history.next_number() == wanted {
        true => import(situation, wanted),
        false => Step::Refuse { choices: history.choices() },
    }
}

/// A Tag that follows is at its newest generation, and that one is from where the Tag points now.
fn following(situation: &Situation<'_>) -> Step {
    match situation.history.newest() {
        Some(newest) if newest.is_from(situation.from) => select(situation, newest.generation),
        _ => import(situation, situation.history.next_number()),
    }
}

fn select(situation: &Situation<'_>, number: i64) -> Step {
    match situation.current == Some(number) {
        true => Step::Rest,
        false => Step::Select { number },
    }
}

fn import(situation: &Situation<'_>, number: i64) -> Step {
    when_due(situation, Step::Import { number, trigger: Trigger::Spec, is_current: true })
}

/// What failed waits until it is tried again.
fn when_due(situation: &Situation<'_>, step: Step) -> Step {
    match situation.retry_at {
        Some(until) if until > situation.now => Step::Wait { until },
        _ => step,
    }
}

/// The sentence that refuses a generation, the same wherever it is refused.
pub fn refusal(choices: &[i64]) -> String {
    let choices: Vec<String> = choices.iter().map(i64::to_string).collect();
    format!("generation must be one of: [{}]", choices.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::Generation;
    use rstest::rstest;

    fn spec(number: i64) -> Step {
        Step::Import { number, trigger: Trigger::Spec, is_current: true }
    }

    const HERE: &str = "quay.io/company/myapp:latest";

    fn history(numbers: &[i64], from: &str) -> History {
        let one = |number: &i64| Generation {
            generation: *number,
            from: from.into(),
            imported_at: Timestamp::UNIX_EPOCH,
            image_reference: String::new(),
            digest: None,
            tag: None,
            media_type: None,
            trigger: None,
            source: None,
        };
        numbers.iter().map(one).collect::<Vec<_>>().into()
    }

    fn step(wanted: Option<i64>, current: Option<i64>, known: &[i64], from: &str) -> Step {
        decide(&Situation {
            from: &HERE.parse().unwrap(),
            wanted,
            suspended: false,
            current,
            history: &history(known, from),
            mirroring: &Mirroring::Off,
            requested: None,
            retry_at: None,
            look: None,
            now: Timestamp::UNIX_EPOCH,
        })
    }

    #[rstest]
    #[case::the_first_import_makes_generation_0(None, None, &[], spec(0))]
    #[case::or_the_number_named_when_it_is_0(Some(0), None, &[], spec(0))]
    #[case::a_first_number_other_than_0_is_refused(Some(1), None, &[], Step::Refuse { choices: vec![0] })]
    #[case::a_known_number_is_a_downgrade(Some(1), Some(2), &[2, 1, 0], Step::Select { number: 1 })]
    #[case::a_known_number_is_an_upgrade(Some(2), Some(0), &[2, 1, 0], Step::Select { number: 2 })]
    #[case::the_number_it_has_is_nothing(Some(2), Some(2), &[2, 1, 0], Step::Rest)]
    #[case::newest_and_one_is_an_import(Some(3), Some(2), &[2, 1, 0], spec(3))]
    #[case::also_after_a_step_back(Some(3), Some(0), &[2, 1, 0], spec(3))]
    #[case::any_other_is_refused(Some(9), Some(2), &[3, 2, 1, 0], Step::Refuse { choices: vec![4, 3, 2, 1, 0] })]
    #[case::a_pruned_one_is_refused(Some(0), Some(7), &[7, 6], Step::Refuse { choices: vec![8, 7, 6] })]
    #[case::below_zero_is_refused(Some(-1), None, &[], Step::Refuse { choices: vec![0] })]
    #[case::a_following_tag_rests_at_its_newest(None, Some(2), &[2, 1], Step::Rest)]
    #[case::one_that_follows_again_goes_to_its_newest(None, Some(1), &[2, 1], Step::Select { number: 2 })]
    fn the_generation_named_decides(
        #[case] wanted: Option<i64>,
        #[case] current: Option<i64>,
        #[case] known: &[i64],
        #[case] expected: Step,
    ) {
        assert_eq!(step(wanted, current, known, HERE), expected);
    }

    #[rstest]
    #[case::a_following_tag_imports_at_once(None, Some(1), &[1, 0], spec(2))]
    #[case::one_with_a_number_waits_for_the_next(Some(1), Some(1), &[1, 0], Step::Rest)]
    #[case::and_imports_with_it(Some(2), Some(1), &[1, 0], spec(2))]
    #[case::with_no_reference_yet_it_is_tried_as_it_stands(Some(0), None, &[], spec(0))]
    fn from_changes(
        #[case] wanted: Option<i64>,
        #[case] current: Option<i64>,
        #[case] known: &[i64],
        #[case] expected: Step,
    ) {
        assert_eq!(step(wanted, current, known, "quay.io/company/elsewhere:latest"), expected);
    }

    #[rstest]
    #[case::before_its_time(100, 50, Step::Wait { until: Timestamp::from_second(100).unwrap() })]
    #[case::at_its_time(100, 100, spec(0))]
    fn a_failed_import_waits(#[case] retry_at: i64, #[case] now: i64, #[case] expected: Step) {
        let situation = Situation {
            from: &HERE.parse().unwrap(),
            wanted: None,
            suspended: false,
            current: None,
            history: &History::default(),
            mirroring: &Mirroring::Off,
            requested: None,
            retry_at: Some(Timestamp::from_second(retry_at).unwrap()),
            look: None,
            now: Timestamp::from_second(now).unwrap(),
        };
        assert_eq!(decide(&situation), expected);
        assert_eq!(decide(&Situation { suspended: true, ..situation }), Step::Suspended);
    }

    #[rstest]
    #[case::one_that_follows(None, 1, HERE, None, Step::Look { trigger: Trigger::Push })]
    #[case::one_at_its_newest_number(Some(1), 1, HERE, None, Step::Look { trigger: Trigger::Push })]
    #[case::one_that_a_person_stepped_back(Some(0), 0, HERE, None, Step::Look { trigger: Trigger::Push })]
    #[case::a_step_comes_first(Some(0), 1, HERE, None, Step::Select { number: 0 })]
    #[case::an_import_is_a_look(Some(2), 1, HERE, None, spec(2))]
    #[case::not_where_a_number_waits_for_the_next(Some(1), 1, "quay.io/company/elsewhere", None, Step::Rest)]
    #[case::not_before_a_retry(None, 1, HERE, Some(9), Step::Wait { until: Timestamp::from_second(9).unwrap() })]
    #[case::but_after_it(None, 1, HERE, Some(0), Step::Look { trigger: Trigger::Push })]
    fn a_tag_is_looked_at_when_something_asks_for_it(
        #[case] wanted: Option<i64>,
        #[case] current: i64,
        #[case] imported_from: &str,
        #[case] retry_at: Option<i64>,
        #[case] expected: Step,
    ) {
        let situation = Situation {
            from: &HERE.parse().unwrap(),
            wanted,
            suspended: false,
            current: Some(current),
            history: &history(&[1, 0], imported_from),
            mirroring: &Mirroring::Off,
            requested: None,
            retry_at: retry_at.map(|second| Timestamp::from_second(second).unwrap()),
            look: Some(Trigger::Push),
            now: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(decide(&situation), expected);
        assert_eq!(decide(&Situation { suspended: true, ..situation }), Step::Suspended);
    }

    #[test]
    fn what_has_a_digest_is_not_looked_at() {
        let pinned = format!("quay.io/company/myapp@sha256:{:064x}", 0);
        let situation = Situation {
            from: &pinned.parse().unwrap(),
            wanted: None,
            suspended: false,
            current: Some(0),
            history: &history(&[0], &pinned),
            mirroring: &Mirroring::Off,
            requested: None,
            retry_at: None,
            look: Some(Trigger::Poll),
            now: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(decide(&situation), Step::Rest);
    }

    #[test]
    fn a_step_does_not_wait_for_a_registry() {
        let situation = Situation {
            from: &HERE.parse().unwrap(),
            wanted: Some(0),
            suspended: false,
            current: Some(1),
            history: &history(&[1, 0], HERE),
            mirroring: &Mirroring::Off,
            requested: None,
            retry_at: Some(Timestamp::MAX),
            look: None,
            now: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(decide(&situation), Step::Select { number: 0 });
    }

    #[test]
    fn the_refusal_names_the_choices() {
        assert_eq!(refusal(&[4, 3, 2, 1, 0]), "generation must be one of: [4 3 2 1 0]");
    }

    fn manual(number: i64, is_current: bool) -> Step {
        Step::Import { number, trigger: Trigger::Manual, is_current }
    }

    #[rstest]
    #[case::is_a_new_generation_of_a_tag_that_follows(None, Some(1), 2, manual(2, true))]
    #[case::also_the_first(None, None, 0, manual(0, true))]
    #[case::that_the_specification_names_is_what_it_names(Some(2), Some(1), 2, manual(2, true))]
    #[case::leaves_the_newest_current_where_the_specification_names_that(
        Some(1),
        Some(1),
        2,
        manual(2, false)
    )]
    #[case::leaves_an_older_one_current_that_a_person_went_back_to(Some(0), Some(0), 2, manual(2, false))]
    #[case::waits_for_a_step(Some(0), Some(1), 2, Step::Select { number: 0 })]
    #[case::that_is_there_is_past(None, Some(1), 1, Step::Rest)]
    #[case::that_was_pruned_is_past(None, Some(1), 0, Step::Rest)]
    #[case::further_ahead_is_nothing(None, Some(1), 3, Step::Rest)]
    #[case::does_not_make_a_wrong_number_right(Some(9), Some(1), 2, Step::Refuse { choices: vec![2, 1, 0] })]
    fn a_request(
        #[case] wanted: Option<i64>,
        #[case] current: Option<i64>,
        #[case] number: i64,
        #[case] expected: Step,
    ) {
        let known: &[i64] = if current.is_some() { &[1, 0] } else { &[] };
        let request = Request { generation: number, digest: None, at: None };
        let situation = Situation {
            from: &HERE.parse().unwrap(),
            wanted,
            suspended: false,
            current,
            history: &history(known, HERE),
            mirroring: &Mirroring::Off,
            requested: Some(&request),
            retry_at: None,
            look: Some(Trigger::Poll).filter(|_| matches!(expected, Step::Import { .. })),
            now: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(decide(&situation), expected);
        let digest: crate::reference::Digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let upload = Request { digest: Some(digest.clone()), ..request.clone() };
        let expected = match expected {
            Step::Import { number, is_current, .. } => Step::TakeUpload { number, digest, is_current },
            step => step,
        };
        let asked = Situation { requested: Some(&upload), ..situation.clone() };
        assert_eq!(decide(&asked), expected);
        for situation in [situation, asked] {
            let until = Timestamp::MAX;
            let waits = decide(&Situation { retry_at: Some(until), ..situation.clone() });
            match expected {
                Step::TakeUpload { .. } => {
                    assert_eq!(waits, Step::Wait { until }, "it failed and is tried again")
                }
                _ => assert_eq!(waits, expected),
            }
            assert_eq!(decide(&Situation { suspended: true, ..situation.clone() }), Step::Suspended);
            if matches!(expected, Step::TakeUpload { .. }) {
                let no_cache = Situation { mirroring: &Mirroring::NoCache, ..situation };
                assert_eq!(decide(&no_cache), Step::NoCache);
            }
        }
    }
}
