//! What is under way or wrong with a Tag, as its conditions say.

use tagger_api::Tag;

/// Whether a Tag is Ready, and if not, or if its last import failed, the reason and what is said of it.
pub(super) fn of(tag: &Tag) -> (bool, Option<(String, String)>) {
    let Some(status) = &tag.status else { return (false, Some(not_seen())) };
    let told = |kind: &str| status.conditions.iter().find(|told| told.type_ == kind);
    let is_observed = status.observed_generation >= tag.metadata.generation;
    let ready = told("Ready").filter(|_| is_observed);
    match ready {
        Some(ready) if ready.status == "True" => (true, None),
        Some(ready) => (false, Some((ready.reason.clone(), one_line(&ready.message)))),
        None => (false, Some(not_seen())),
    }
}

fn not_seen() -> (String, String) {
    ("Waiting".to_owned(), "the operator has not seen it yet".to_owned())
}

/// A text that may come from anywhere on one line, with nothing in it that a terminal would do.
pub(crate) fn one_line(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(shown).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn told(kind: &str, status: &str) -> Value {
        json!({ "type": kind, "status": status, "reason": "NotFound", "message": "no\nsuch\u{1b}[31m image", "lastTransitionTime": "2026-01-01T00:00:00Z" })
    }

    #[rstest]
    #[case::ready(json!({ "observedGeneration": 2, "conditions": [told("Ready", "True")] }), true, None)]
    #[case::not_ready(json!({ "observedGeneration": 2, "conditions": [told("Ready", "False")] }), false, Some("no such [31m image"))]
    #[case::of_an_older_version(json!({ "observedGeneration": 1, "conditions": [told("Ready", "True")] }), false, Some("the operator has not seen it yet"))]
    #[case::nothing(json!({}), false, Some("the operator has not seen it yet"))]
    fn what_is_wrong_is_told_on_one_line(
        #[case] status: Value,
        #[case] ready: bool,
        #[case] message: Option<&str>,
    ) {
        let tag = json!({
            "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": "a", "generation": 2 }, "spec": { "from": "a/b" },
            "status": status,
        });
        let (is_ready, trouble) = of(&serde_json::from_value(tag).unwrap());
        assert_eq!((is_ready, trouble.as_ref().map(|(_, message)| message.as_str())), (ready, message));
    }
}
