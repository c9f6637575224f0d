//! Which specifications of a Tag are refused: the same rules as the schema, for servers that enforce only a part of it, and
//! those that a schema can't express.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use tagger_core::decide::refusal;
use tagger_core::reference::{Reference, TagName};

use crate::tag::{FilterTags, Policy, TagSpec, TagStatus, Track};

/// A field whose value is refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path of the field, such as `spec.from`.
    pub field: &'static str,
    /// What is wrong with it, and which values are right.
    pub message: String,
}

/// The shortest interval at which a registry may be asked.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(30);

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
    spec.track.iter().for_each(|track| track_problems(track, &mut wrong));
    spec.filter_tags.iter().for_each(|filter| filter_problems(filter, spec.policy.as_deref(), &mut wrong));
    spec.policy.iter().for_each(|policy| policy_problems(policy, &spec.from, &mut wrong));
    found
}

/// What is wrong with the number that a specification names, seeing which generations there are.
pub fn generation_problem(spec: &TagSpec, status: Option<&TagStatus>) -> Option<Problem> {
    let choices = status.map(|status| status.references.choices()).unwrap_or_else(|| vec![0]);
    let wanted = spec.generation?;
    (!choices.contains(&wanted)).then(|| Problem { field: "spec.generation", message: refusal(&choices) })
}

fn track_problems(track: &Track, wrong: &mut impl FnMut(&'static str, String)) {
    if let Some(interval) = &track.interval {
        let shortest = SignedDuration::try_from(SHORTEST_INTERVAL).unwrap_or_default();
        match interval.parse::<SignedDuration>() {
            Ok(interval) if interval >= shortest => {}
            Ok(_) => {
                wrong("spec.track.interval", format!("{interval} is too short; it must be at least 30s"))
            }
            Err(_) => {
                wrong("spec.track.interval", format!("{interval:?} is no duration; write 30s, 10m or 1h30m"))
            }
        }
    }
    if let Some(schedule) = &track.schedule
        && let Err(error) = schedule.parse::<croner::Cron>()
    {
        let message =
            format!("{schedule:?} is no cron schedule of five fields, such as \"0 3 * * *\": {error}");
        wrong("spec.track.schedule", message);
    }
    if let Some(zone) = &track.time_zone {
        if track.schedule.is_none() {
            wrong("spec.track.timeZone", "timeZone needs a schedule".into());
        }
        if TimeZone::get(zone).is_err() {
            wrong("spec.track.timeZone", format!("{zone:?} is no IANA time zone, such as Europe/Zurich"));
        }
    }
}

fn filter_problems(
    filter: &FilterTags,
    policy: Option<&Policy>,
    wrong: &mut impl FnMut(&'static str, String),
) {
    if policy.is_none() {
        let message = "filterTags needs a policy: one of semver, numerical, alphabetical, sibling";
        wrong("spec.filterTags", message.into());
    }
    if let Err(error) = regex::Regex::new(&filter.pattern) {
        let why = error.to_string().lines().last().unwrap_or_default().to_owned();
        wrong("spec.filterTags.pattern", format!("{:?} is no regular expression: {why}", filter.pattern));
    }
}

fn policy_problems(policy: &Policy, from: &str, wrong: &mut impl FnMut(&'static str, String)) {
    let kinds = [
        policy.semver.is_some(),
        policy.numerical.is_some(),
        policy.alphabetical.is_some(),
        policy.sibling.is_some(),
    ];
    if kinds.into_iter().filter(|there| *there).count() != 1 {
        let message = "must have exactly one of: semver, numerical, alphabetical, sibling";
        wrong("spec.policy", message.into());
    }
    let last = from.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) {
        wrong("spec.from", "with a policy, from bears neither a tag nor a digest".into());
    }
    if let Some(semver) = &policy.semver
        && let Err(error) = semver::VersionReq::parse(&semver.range)
    {
        let message = format!("{:?} is no range of versions, such as \">=1.2.0, <2\": {error}", semver.range);
        wrong("spec.policy.semver.range", message);
    }
    if let Some(sibling) = &policy.sibling
        && let Err(error) = sibling.tag.parse::<TagName>()
    {
        wrong("spec.policy.sibling.tag", error.to_string());
    }
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
    #[case(json!({ "filterTags": { "pattern": "a" } }), "spec.filterTags", "policy")]
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
