//! What is said of a change. Pure.

use kube::ResourceExt;
use serde_json::Value;
use tagger_api::Tag;

use super::change::Change;
use super::step::{current, history};

/// The Tag as it is shown: without the notes of the server about who wrote what.
pub(crate) fn shown(tag: &Tag) -> Tag {
    let mut shown = tag.clone();
    shown.metadata.managed_fields = None;
    shown
}

/// What a change does, behind the name of the Tag.
pub(crate) fn changed(before: &Tag, change: &Change) -> String {
    if let Some(suspend) = change.spec.get("suspend") {
        return if *suspend == Value::Bool(true) { "suspended" } else { "resumed" }.to_owned();
    }
    let from = current(before).map_or_else(String::new, |current| format!("generation {current} -> "));
    if let Some(number) = change.request.as_ref().and_then(|request| request["generation"].as_i64()) {
        let is_upload = change.request.as_ref().is_some_and(|request| request.get("digest").is_some());
        let asked = if is_upload { "asked to publish the upload" } else { "asked for a new import" };
        return format!("{asked}: {from}{number}");
    }
    match change.spec.get("generation").and_then(Value::as_i64) {
        None => {
            let newest = history(before).newest().map(|newest| newest.generation);
            let to = newest.filter(|newest| Some(*newest) != current(before));
            match to {
                Some(newest) => format!("follows again: {from}{newest}"),
                None => "follows again".to_owned(),
            }
        }
        Some(number) => match current(before) {
            Some(current) if current == number => format!("held at generation {number}"),
            Some(current) if current > number => format!("downgraded: {from}{number}"),
            _ => format!("upgraded: {from}{number}"),
        },
    }
}

/// What is said where there is nothing to change.
pub(crate) fn unchanged(tag: &Tag) -> String {
    match (tag.spec.generation, tag.spec.is_suspended()) {
        (_, true) => "is suspended already".to_owned(),
        (Some(number), false) => format!("is held at generation {number} already"),
        (None, false) => "follows already".to_owned(),
    }
}

/// What a person may not expect of a change.
pub(crate) fn hints(before: &Tag, change: &Change) -> Vec<String> {
    let (name, history) = (before.name_any(), history(before));
    let Some(number) = change.spec.get("generation").and_then(Value::as_i64) else { return Vec::new() };
    let newest = history.newest().map(|newest| newest.generation);
    if change.request.is_some() {
        return Vec::new();
    }
    match newest {
        Some(newest) if number == newest && before.spec.generation.is_none() => vec![format!(
            "{number} is the newest generation: tracking raises the number when there is something new; kubectl tag suspend {name} holds it fully"
        )],
        Some(newest) if number < newest && before.spec.generation.is_none() => {
            vec![format!("it stays there whatever is pushed; kubectl tag unpin {name} has it follow again")]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steering::step::Step;
    use rstest::rstest;
    use serde_json::json;

    fn tag(spec: Option<i64>, current: i64) -> Tag {
        let one = |number: i64| {
            json!({
                "generation": number, "from": "a/b", "importedAt": "2026-01-01T00:00:00Z",
                "imageReference": format!("a/b@sha256:{number:064x}"),
            })
        };
        serde_json::from_value(json!({
            "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": "myapp" },
            "spec": { "from": "a/b", "generation": spec },
            "status": { "generation": current, "references": [one(2), one(1), one(0)] },
        }))
        .unwrap()
    }

    #[rstest]
    #[case::down(Some(2), 2, Step::Select(1), "downgraded: generation 2 -> 1")]
    #[case::up(Some(0), 0, Step::Select(1), "upgraded: generation 0 -> 1")]
    #[case::held(None, 2, Step::Select(2), "held at generation 2")]
    #[case::a_new_one(Some(2), 2, Step::Import(3), "asked for a new import: generation 2 -> 3")]
    fn a_step_is_told(#[case] spec: Option<i64>, #[case] now: i64, #[case] step: Step, #[case] said: &str) {
        let before = tag(spec, now);
        assert_eq!(changed(&before, &Change::of(step, &before)), said);
    }

    #[test]
    fn who_follows_again_is_told_where_that_leads() {
        let change = Change { spec: json!({ "generation": null }), request: None };
        assert_eq!(changed(&tag(Some(0), 0), &change), "follows again: generation 0 -> 2");
        assert_eq!(changed(&tag(Some(2), 2), &change), "follows again");
    }

    #[test]
    fn a_number_on_a_tag_that_followed_is_explained() {
        let follows = tag(None, 2);
        let hint = |step| hints(&follows, &Change::of(step, &follows)).join("");
        assert!(hint(Step::Select(1)).contains("unpin"));
        assert!(hint(Step::Select(2)).contains("suspend"));
        assert!(hint(Step::Import(3)).is_empty());
        assert!(hints(&tag(Some(2), 2), &Change::of(Step::Select(1), &tag(Some(2), 2))).is_empty());
    }
}
