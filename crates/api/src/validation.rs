//! Which specifications of a Tag are refused: the same rules as the schema, for servers that enforce only a part of it, and
//! those that a schema can't express.

use std::fmt::Display;

use tagger_core::decide::refusal;
use tagger_core::reference::Reference;

use crate::tag::{TagSpec, TagStatus};
use crate::{choice, tracking};

/// A field whose value is refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path of the field, such as `spec.from`.
    pub field: &'static str,
    /// What is wrong with it, and which values are right.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(field: &'static str, why: &dyn Display) -> Self {
        Self { field, message: why.to_string() }
    }
}

/// All that is wrong with a specification by itself.
pub fn problems(spec: &TagSpec) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut wrong = |field, message: String| found.push(Problem { field, message });
    if let Err(error) = spec.from.parse::<Reference>() {
        wrong("spec.from", error.to_string());
    }
    if spec.generation.is_some_and(|generation| generation < 0) {
        wrong("spec.generation", "must be 0 or more".into());
    }
    if spec.history.is_some_and(|history| !(1..=50).contains(&history)) {
        wrong("spec.history", "must be from 1 to 50".into());
    }
    if let Some(track) = &spec.track {
        found.extend(tracking::interval(track).err());
        found.extend(tracking::schedule(track).err());
    }
    if let Some(filter) = &spec.filter_tags {
        found.extend(spec.policy.is_none().then(choice::needs_policy));
        found.extend(choice::filter(filter).err());
    }
    if let Some(policy) = &spec.policy {
        found.extend(choice::rule(policy).err());
        found.extend(bears_a_tag(&spec.from));
    }
    found
}

/// What is wrong with the number that a specification names, seeing which generations there are.
pub fn generation_problem(spec: &TagSpec, status: Option<&TagStatus>) -> Option<Problem> {
    let choices = status.map(|status| status.references.choices()).unwrap_or_else(|| vec![0]);
    let wanted = spec.generation?;
    (!choices.contains(&wanted)).then(|| Problem { field: "spec.generation", message: refusal(&choices) })
}

/// What is wrong with a reference beside a policy, which is to choose the tag.
fn bears_a_tag(from: &str) -> Option<Problem> {
    let last = from.rsplit('/').next().unwrap_or_default();
    let message = "with a policy, from bears neither a tag nor a digest";
    last.contains([':', '@']).then(|| Problem::new("spec.from", &message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};
    use tagger_core::generation::History;

    fn spec(more: Value) -> TagSpec {
        let mut spec = json!({ "from": "quay.io/company/myapp" });
        json_patch::merge(&mut spec, &more);
        serde_json::from_value(spec).unwrap()
    }

    #[rstest]
    #[case(json!({}))]
    #[case(json!({ "generation": 0, "cache": false, "history": 50, "suspend": true }))]
    #[case(json!({ "track": { "push": true, "interval": "30s" } }))]
    #[case(json!({ "track": { "interval": "1h30m", "schedule": "0 3 * * *", "timeZone": "Europe/Zurich" } }))]
    #[case(json!({ "policy": { "semver": { "range": ">=1.2.0, <2" } } }))]
    #[case(json!({ "policy": { "numerical": { "order": "asc" } }, "filterTags": { "pattern": "^main-(?P<ts>[0-9]+)-[a-f0-9]+$", "extract": "$ts" } }))]
    #[case(json!({ "policy": { "sibling": { "tag": "main-latest" } } }))]
    #[case(json!({ "policy": { "semver": { "range": "1.x || 2.1 - 2.4" } } }))]
    #[case(json!({ "track": { "interval": "30m1h" } }))]
    fn accepts(#[case] more: Value) {
        assert_eq!(problems(&spec(more)), []);
    }

    #[rstest]
    #[case(json!({ "from": "" }), "spec.from", "host/path:tag")]
    #[case(json!({ "from": "https://quay.io/a" }), "spec.from", "scheme")]
    #[case(json!({ "generation": -1 }), "spec.generation", "0 or more")]
    #[case(json!({ "history": 0 }), "spec.history", "from 1 to 50")]
    #[case(json!({ "history": 51 }), "spec.history", "from 1 to 50")]
    #[case(json!({ "track": { "interval": "29s" } }), "spec.track.interval", "at least 30s")]
    #[case(json!({ "track": { "interval": "often" } }), "spec.track.interval", "10m")]
    #[case(json!({ "track": { "schedule": "at dawn" } }), "spec.track.schedule", "0 3 * * *")]
    #[case(json!({ "track": { "timeZone": "UTC" } }), "spec.track.timeZone", "schedule")]
    #[case(json!({ "track": { "schedule": "0 3 * * *", "timeZone": "Mars/Base" } }), "spec.track.timeZone", "IANA")]
    #[case(json!({ "track": { "interval": "40000ms" } }), "spec.track.interval", "10m")]
    #[case(json!({ "track": { "schedule": "0 0 30 2 *" } }), "spec.track.schedule", "never comes")]
    #[case(json!({ "track": { "schedule": "0 0 3 * * *" } }), "spec.track.schedule", "five fields")]
    #[case(json!({ "filterTags": { "pattern": "a" } }), "spec.filterTags", "policy")]
    #[case(json!({ "policy": { "numerical": {} }, "filterTags": { "pattern": "(\\w{1000}){1000}" } }), "spec.filterTags.pattern", "too large")]
    #[case(json!({ "policy": { "numerical": {} }, "filterTags": { "pattern": "a", "extract": "$ts" } }), "spec.filterTags.extract", "no groups")]
    #[case(json!({ "policy": { "sibling": { "tag": "a" } }, "filterTags": { "pattern": "(" } }), "spec.filterTags.pattern", "regular expression")]
    #[case(json!({ "policy": {} }), "spec.policy", "exactly one of: semver, numerical, alphabetical, sibling")]
    #[case(json!({ "policy": { "sibling": { "tag": "a" }, "numerical": {} } }), "spec.policy", "exactly one")]
    #[case(json!({ "policy": { "semver": { "range": "new" } } }), "spec.policy.semver.range", ">=1.2.0")]
    #[case(json!({ "policy": { "sibling": { "tag": ".x" } } }), "spec.policy.sibling.tag", "no tag")]
    #[case(json!({ "from": "quay.io/a:b", "policy": { "numerical": {} } }), "spec.from", "neither a tag nor a digest")]
    fn refuses(#[case] more: Value, #[case] field: &str, #[case] because: &str) {
        let found = problems(&spec(more));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].field, field);
        assert!(found[0].message.contains(because), "{}", found[0].message);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let all = json!({
            "from": "quay.io/a:b",
            "track": { "interval": "1s", "schedule": "never" },
            "filterTags": { "pattern": "(" },
            "policy": {},
        });
        let fields: Vec<&str> = problems(&spec(all)).iter().map(|problem| problem.field).collect();
        let expected = [
            "spec.track.interval",
            "spec.track.schedule",
            "spec.filterTags.pattern",
            "spec.policy",
            "spec.from",
        ];
        assert_eq!(fields, expected);
    }

    /// Whoever reads a specification that was not refused need not fear that it can't be read.
    #[rstest]
    #[case(json!({ "track": { "interval": "1s" } }))]
    #[case(json!({ "track": { "timeZone": "UTC" } }))]
    #[case(json!({ "filterTags": { "pattern": "a" } }))]
    #[case(json!({ "policy": {}, "filterTags": { "pattern": "a" } }))]
    #[case(json!({ "policy": { "semver": { "range": "1.x" } }, "track": { "interval": "1m" } }))]
    fn what_is_refused_is_what_cannot_be_read(#[case] more: Value) {
        let spec = spec(more);
        let unread: Vec<_> = spec.choice().err().into_iter().chain(spec.tracking().err()).collect();
        assert_eq!(problems(&spec), unread);
    }

    #[test]
    fn a_new_tag_begins_at_0_or_follows() {
        let status = TagStatus { references: History::default(), ..TagStatus::default() };
        for status in [None, Some(&status)] {
            assert_eq!(generation_problem(&spec(json!({})), status), None);
            assert_eq!(generation_problem(&spec(json!({ "generation": 0 })), status), None);
            let problem = generation_problem(&spec(json!({ "generation": 1 })), status).unwrap();
            assert_eq!(problem.message, "generation must be one of: [0]");
        }
    }
}
