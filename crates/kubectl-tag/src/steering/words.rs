//! What is said of a change. Pure.

use kube::ResourceExt;
use tagger_api::Tag;

use super::change::Change;
use super::step::{Step, bound_for, current, history, is_from_here};

/// The Tag as it is shown: without the notes of the server about who wrote what.
pub(crate) fn shown(tag: &Tag) -> Tag {
    let mut shown = tag.clone();
    shown.metadata.managed_fields = None;
    shown
}

/// What a change does, behind the name of the Tag.
pub(crate) fn changed(before: &Tag, change: &Change) -> String {
    let bound = bound_for(before);
    let to = |number: i64| match bound.filter(|bound| *bound != number) {
        Some(bound) => format!("generation {bound} -> {number}"),
        None => format!("generation {number}"),
    };
    match change.step {
        Step::Import(number) if change.request.as_ref().is_some_and(|request| request.digest.is_some()) => {
            format!("asked to publish the upload: {}", to(number))
        }
        Step::Import(number) => format!("asked for an import: {}", to(number)),
        Step::Select(number) if bound.is_some_and(|bound| number < bound) => {
            format!("downgraded: {}", to(number))
        }
        Step::Select(number) => format!("upgraded: {}", to(number)),
        Step::Pin(number) => format!("pinned: {}", to(number)),
        Step::Follow => {
            let history = history(before);
            let newest = history.newest().map(|newest| newest.generation);
            match newest.filter(|_| is_from_here(before, &history)) {
                Some(newest) => format!("follows again: {}", to(newest)),
                None => format!("follows again: {}, a new import", to(history.next_number())),
            }
        }
        Step::Suspend => "suspended".to_owned(),
        Step::Resume => "resumed".to_owned(),
    }
}

/// What is said where there is nothing to change.
pub(crate) fn unchanged(step: Step) -> String {
    match step {
        Step::Import(number) | Step::Select(number) => format!("goes there already: generation {number}"),
        Step::Pin(number) => format!("is pinned already: generation {number}"),
        Step::Follow => "follows already".to_owned(),
        Step::Suspend => "is suspended already".to_owned(),
        Step::Resume => "is not suspended".to_owned(),
    }
}

/// What a person may not expect of a change.
pub(crate) fn hints(before: &Tag, change: &Change) -> Vec<String> {
    let name = before.name_any();
    let waits = || {
        let why = "it is suspended, and goes there when";
        vec![format!("{why} kubectl tag resume {name} has it go on")]
    };
    match change.step {
        Step::Import(number) => {
            let held = held(before);
            held.map(|held| format!("it was held at generation {held}, and moves to {number}"))
                .into_iter()
                .collect()
        }
        Step::Select(number) | Step::Pin(number) if before.spec.is_suspended() => {
            if current(before) == Some(number) { Vec::new() } else { waits() }
        }
        Step::Follow if before.spec.is_suspended() => waits(),
        Step::Select(number) | Step::Pin(number) => {
            of_a_number(before, change.step, number).into_iter().collect()
        }
        Step::Follow | Step::Suspend | Step::Resume => Vec::new(),
    }
}

/// What a number in the specification means from now on.
fn of_a_number(before: &Tag, step: Step, number: i64) -> Option<String> {
    let name = before.name_any();
    let newest = history(before).newest()?.generation;
    let is_tracked = before
        .spec
        .tracking()
        .is_ok_and(|tracking| tracking.push || tracking.interval.is_some() || tracking.schedule.is_some());
    match step {
        Step::Pin(_) if number == newest => is_tracked.then(|| {
            format!(
                "{number} is its newest generation, and is raised when its registry has something new; kubectl tag suspend {name} holds it at {number}"
            )
        }),
        _ if number == newest || held(before).is_some() => None,
        _ if before.spec.generation.is_none() => Some(format!(
            "it is held there now, whatever its registry has; kubectl tag unpin {name} has it follow again"
        )),
        _ => Some(format!(
            "it is held there now, whatever its registry has; kubectl tag upgrade {name} goes up again"
        )),
    }
}

/// The older generation that a person has stepped back to.
fn held(tag: &Tag) -> Option<i64> {
    let newest = history(tag).newest()?.generation;
    tag.spec.generation.and(current(tag)).filter(|current| *current < newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steering::example::tag;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn said(spec: &Value, current: i64, step: Step) -> String {
        let before = tag(spec.clone(), Some(current), &[2, 1, 0]);
        changed(&before, &Change::of(step, &before))
    }

    #[rstest]
    #[case::down(json!({ "generation": 2 }), 2, Step::Select(1), "downgraded: generation 2 -> 1")]
    #[case::up(json!({ "generation": 0 }), 0, Step::Select(1), "upgraded: generation 0 -> 1")]
    #[case::from_where_it_was_just_sent(json!({ "generation": 1 }), 2, Step::Select(0), "downgraded: generation 1 -> 0")]
    #[case::where_it_is(json!({}), 2, Step::Pin(2), "pinned: generation 2")]
    #[case::elsewhere(json!({}), 2, Step::Pin(0), "pinned: generation 2 -> 0")]
    #[case::a_new_one(json!({}), 2, Step::Import(3), "asked for an import: generation 2 -> 3")]
    #[case::follows(json!({ "generation": 0 }), 0, Step::Follow, "follows again: generation 0 -> 2")]
    #[case::follows_where_it_is(json!({ "generation": 2 }), 2, Step::Follow, "follows again: generation 2")]
    #[case::follows_elsewhere(
        json!({ "generation": 2, "from": "quay.io/a/other:latest" }), 2, Step::Follow, "follows again: generation 2 -> 3, a new import"
    )]
    #[case::suspended(json!({ "generation": 2 }), 2, Step::Suspend, "suspended")]
    #[case::resumed(json!({ "suspend": true }), 2, Step::Resume, "resumed")]
    fn a_step_is_told(#[case] spec: Value, #[case] now: i64, #[case] step: Step, #[case] told: &str) {
        assert_eq!(said(&spec, now, step), told);
    }

    #[test]
    fn the_first_import_comes_from_nowhere() {
        let new = tag(json!({}), None, &[]);
        assert_eq!(changed(&new, &Change::of(Step::Import(0), &new)), "asked for an import: generation 0");
    }

    #[rstest]
    #[case::held_after_following(json!({}), 2, Step::Select(1), &["unpin"])]
    #[case::held_after_a_number(json!({ "generation": 2 }), 2, Step::Select(1), &["upgrade"])]
    #[case::held_already(json!({ "generation": 1 }), 1, Step::Select(0), &[])]
    #[case::back_at_the_newest(json!({ "generation": 1 }), 1, Step::Select(2), &[])]
    #[case::pinned_to_the_newest(json!({}), 2, Step::Pin(2), &["tag suspend"])]
    #[case::pinned_to_the_newest_again(json!({ "generation": 2 }), 2, Step::Pin(2), &["tag suspend"])]
    #[case::pinned_where_nothing_tracks(json!({ "track": { "push": false } }), 2, Step::Pin(2), &[])]
    #[case::suspended(json!({ "suspend": true, "generation": 2 }), 2, Step::Follow, &["resume"])]
    #[case::suspended_elsewhere(json!({ "suspend": true }), 2, Step::Select(1), &["resume"])]
    #[case::suspended_where_it_is(json!({ "suspend": true }), 2, Step::Pin(2), &[])]
    #[case::an_import(json!({}), 2, Step::Import(3), &[])]
    #[case::an_import_of_one_that_is_held(json!({ "generation": 0 }), 0, Step::Import(3), &["held at generation 0"])]
    fn what_one_may_not_expect_is_told(
        #[case] spec: Value,
        #[case] now: i64,
        #[case] step: Step,
        #[case] told: &[&str],
    ) {
        let before = tag(spec, Some(now), &[2, 1, 0]);
        let hints = hints(&before, &Change::of(step, &before));
        assert_eq!(hints.len(), told.len(), "{hints:?}");
        assert!(hints.iter().zip(told).all(|(hint, told)| hint.contains(told)), "{hints:?}");
    }
}
