//! Which generation a command goes to. Pure.

use kube::ResourceExt;
use tagger_api::Tag;
use tagger_core::generation::History;
use tagger_core::reference::Reference;

use crate::problem::Problem;

/// What a command asks of a Tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Go to a generation that is there.
    Select(i64),
    /// Have this generation made, from what the registry has now.
    Import(i64),
}

/// The step of `import`: the next generation, whatever the current one is.
pub(crate) fn import(tag: &Tag) -> Result<Step, Problem> {
    goes_on(tag)?;
    Ok(Step::Import(history(tag).next_number()))
}

/// The step of `upgrade`: up by one among those that are there, and a new one at the newest.
pub(crate) fn upgrade(tag: &Tag) -> Result<Step, Problem> {
    goes_on(tag)?;
    let (name, history) = (tag.name_any(), history(tag));
    let Some(current) = current(tag) else {
        let why = format!("the Tag {name:?} has no generation yet; its first import is under way");
        return Err(Problem::NoStep(why, Some(format!("kubectl tag status {name} shows how it goes"))));
    };
    let above = history.iter().map(|known| known.generation).filter(|number| *number > current).min();
    match above {
        Some(number) => Ok(Step::Select(number)),
        None if is_fixed(tag) => {
            let why = format!(
                "{} is a digest, which never moves; there is nothing to upgrade {name:?} to",
                tag.spec.from
            );
            let next = format!(
                "kubectl tag import {name} imports it once more; another spec.from imports another image"
            );
            Err(Problem::NoStep(why, Some(next)))
        }
        None => Ok(Step::Import(history.next_number())),
    }
}

/// The step of `downgrade`: down by one among those that are there.
pub(crate) fn downgrade(tag: &Tag) -> Result<Step, Problem> {
    let (name, history) = (tag.name_any(), history(tag));
    let there = || history.iter().map(|known| known.generation).collect::<Vec<_>>();
    let below = current(tag).and_then(|current| {
        history.iter().map(|known| known.generation).filter(|number| *number < current).max()
    });
    match below {
        Some(number) => Ok(Step::Select(number)),
        None => {
            let why = match there().as_slice() {
                [] => format!("the Tag {name:?} has no generation yet, so there is none to go back to"),
                some => format!(
                    "the Tag {name:?} is at its oldest generation; it has {}",
                    some.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
                ),
            };
            Err(Problem::NoStep(why, Some(format!("kubectl tag history {name} shows them"))))
        }
    }
}

/// The step of `pin`: a generation that is there; the current one where none is named.
pub(crate) fn pin(tag: &Tag, wanted: Option<i64>) -> Result<Step, Problem> {
    let (name, history) = (tag.name_any(), history(tag));
    let Some(number) = wanted.or_else(|| current(tag)) else {
        let why = format!("the Tag {name:?} has no generation yet, so there is none to hold it at");
        return Err(Problem::NoStep(
            why,
            Some(format!("kubectl tag status {name} shows how the first import goes")),
        ));
    };
    match history.get(number) {
        Some(_) => Ok(Step::Select(number)),
        None => {
            let there = history.iter().map(|known| known.generation).collect();
            Err(Problem::NoGeneration { tag: name, generation: number, there })
        }
    }
}

/// The generation that workloads use now.
pub(crate) fn current(tag: &Tag) -> Option<i64> {
    tag.status.as_ref()?.generation
}

/// The generations that there are.
pub(crate) fn history(tag: &Tag) -> History {
    tag.status.as_ref().map(|status| status.references.clone()).unwrap_or_default()
}

/// Whether the image is named by its digest, and not by a tag that moves.
fn is_fixed(tag: &Tag) -> bool {
    tag.spec.from.parse::<Reference>().is_ok_and(|from| from.digest().is_some())
}

fn goes_on(tag: &Tag) -> Result<(), Problem> {
    if !tag.spec.is_suspended() {
        return Ok(());
    }
    let name = tag.name_any();
    let next = Some(format!("kubectl tag resume {name} has it go on"));
    Err(Problem::NoStep(format!("the Tag {name:?} is suspended, and imports nothing"), next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn tag(spec: Value, current: Option<i64>, numbers: &[i64]) -> Tag {
        let digest = format!("sha256:{:064x}", 7);
        let references: Vec<Value> = numbers
            .iter()
            .map(|number| {
                json!({
                    "generation": number, "from": "quay.io/a/b:latest", "importedAt": "2026-01-01T00:00:00Z",
                    "imageReference": format!("quay.io/a/b@{digest}"),
                })
            })
            .collect();
        let mut all = json!({ "from": "quay.io/a/b:latest" });
        all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": "myapp" },
            "spec": all, "status": { "generation": current, "references": references },
        }))
        .unwrap()
    }

    #[rstest]
    #[case::to_the_next_that_is_known(Some(2), &[5, 4, 2], Some(Step::Select(4)))]
    #[case::and_a_new_one_at_the_newest(Some(5), &[5, 4, 2], Some(Step::Import(6)))]
    #[case::not_before_the_first(None, &[], None)]
    fn an_upgrade_goes_up_by_one(
        #[case] current: Option<i64>,
        #[case] there: &[i64],
        #[case] step: Option<Step>,
    ) {
        assert_eq!(upgrade(&tag(json!({}), current, there)).ok(), step);
    }

    #[rstest]
    #[case::to_the_next_that_is_known(Some(5), &[5, 2, 1], Some(Step::Select(2)))]
    #[case::not_below_the_oldest(Some(1), &[5, 2, 1], None)]
    #[case::not_before_the_first(None, &[], None)]
    fn a_downgrade_goes_down_by_one(
        #[case] current: Option<i64>,
        #[case] there: &[i64],
        #[case] step: Option<Step>,
    ) {
        assert_eq!(downgrade(&tag(json!({}), current, there)).ok(), step);
    }

    #[test]
    fn an_import_makes_the_next_wherever_the_tag_is() {
        assert_eq!(import(&tag(json!({}), Some(1), &[3, 2, 1])).ok(), Some(Step::Import(4)));
        assert_eq!(import(&tag(json!({}), None, &[])).ok(), Some(Step::Import(0)));
    }

    #[test]
    fn a_digest_is_not_upgraded_and_a_suspended_tag_imports_nothing() {
        let from = json!({ "from": format!("quay.io/a/b@sha256:{:064x}", 7) });
        assert!(matches!(upgrade(&tag(from, Some(0), &[0])), Err(Problem::NoStep(..))));
        let suspended = tag(json!({ "suspend": true }), Some(0), &[1, 0]);
        assert!(import(&suspended).is_err() && upgrade(&suspended).is_err());
        assert_eq!(downgrade(&tag(json!({ "suspend": true }), Some(1), &[1, 0])).ok(), Some(Step::Select(0)));
    }

    #[rstest]
    #[case::the_one_that_is_named(Some(2), Some(Step::Select(2)))]
    #[case::or_the_current_one(None, Some(Step::Select(3)))]
    #[case::and_none_that_is_not_there(Some(9), None)]
    fn a_pin_holds(#[case] wanted: Option<i64>, #[case] step: Option<Step>) {
        assert_eq!(pin(&tag(json!({}), Some(3), &[3, 2]), wanted).ok(), step);
    }
}
