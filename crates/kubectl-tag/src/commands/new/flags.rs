//! The Tag that the flags of `kubectl tag new` describe. Pure.

use tagger_api::tag::{FilterTags, Order, OrderPolicy, Policy, SemverPolicy, SiblingPolicy, Track};
use tagger_api::validation::{self, generation_problem};
use tagger_api::{Tag, TagSpec};

use super::New;
use crate::problem::Problem;

impl New {
    /// The Tag that the flags describe, or all that is wrong with them.
    pub(super) fn tag(&self, namespace: Option<&str>) -> Result<Tag, Problem> {
        if !is_name(&self.name) {
            let why = format!("{:?} can't be the name of a Tag", self.name);
            let next = "workloads put it in place of an image: small letters and digits, with - and . between them, such as myapp-devel";
            return Err(Problem::Invalid(why, Some(next.to_owned())));
        }
        let spec = self.spec()?;
        let mut wrong = validation::problems(&spec);
        wrong.extend(generation_problem(&spec, None).filter(|_| wrong.is_empty()));
        if !wrong.is_empty() {
            let wrong: Vec<String> =
                wrong.iter().map(|wrong| format!("{}: {}", flag(wrong.field), wrong.message)).collect();
            let next = "kubectl tag new --help explains the flags".to_owned();
            return Err(Problem::Invalid(wrong.join("; "), Some(next)));
        }
        let mut tag = Tag::new(&self.name, spec);
        tag.metadata.namespace = namespace.map(str::to_owned);
        Ok(tag)
    }

    fn spec(&self) -> Result<TagSpec, Problem> {
        let track = Track {
            push: self.no_push.then_some(false),
            interval: self.interval.clone(),
            schedule: self.schedule.clone(),
            time_zone: self.time_zone.clone(),
        };
        let filter_tags =
            self.filter.clone().map(|pattern| FilterTags { pattern, extract: self.extract.clone() });
        Ok(TagSpec {
            from: self.from.clone(),
            generation: self.generation,
            cache: self.cache.then_some(true),
            history: self.history,
            track: (track != Track::default()).then(|| Box::new(track)),
            filter_tags: filter_tags.map(Box::new),
            policy: self.policy.as_deref().map(policy).transpose()?.map(Box::new),
            ..TagSpec::default()
        })
    }
}

/// Whether an object of Kubernetes may have this name (RFC 1123). Each such name is an image without a registry and a tag as well.
fn is_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| is_inner(byte) || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// The flag that sets a field.
fn flag(field: &str) -> &str {
    match field {
        "spec.from" => "--from",
        "spec.generation" => "--generation",
        "spec.history" => "--history",
        "spec.track.interval" => "--interval",
        "spec.track.schedule" => "--schedule",
        "spec.track.timeZone" => "--time-zone",
        "spec.filterTags.extract" => "--extract",
        other if other.starts_with("spec.filterTags") => "--filter",
        other if other.starts_with("spec.policy") => "--policy",
        other => other,
    }
}

/// Reads a policy: `semver=RANGE`, `numerical`, `alphabetical=desc`, `sibling=TAG`.
fn policy(text: &str) -> Result<Policy, Problem> {
    let (rule, value) = match text.split_once('=') {
        Some((rule, value)) => (rule, Some(value)),
        None => (text, None),
    };
    let wrong = || {
        let next = "semver=RANGE, numerical[=asc|desc], alphabetical[=asc|desc] or sibling=TAG";
        Problem::Invalid(format!("--policy {text:?} is no rule"), Some(next.to_owned()))
    };
    let order = |value: Option<&str>| match value {
        None => Ok(OrderPolicy::default()),
        Some("asc") => Ok(OrderPolicy { order: Some(Order::Asc) }),
        Some("desc") => Ok(OrderPolicy { order: Some(Order::Desc) }),
        Some(_) => Err(wrong()),
    };
    match (rule, value) {
        ("semver", Some(range)) => {
            Ok(Policy { semver: Some(SemverPolicy { range: range.to_owned() }), ..Policy::default() })
        }
        ("numerical", value) => Ok(Policy { numerical: Some(order(value)?), ..Policy::default() }),
        ("alphabetical", value) => Ok(Policy { alphabetical: Some(order(value)?), ..Policy::default() }),
        ("sibling", Some(tag)) => {
            Ok(Policy { sibling: Some(SiblingPolicy { tag: tag.to_owned() }), ..Policy::default() })
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use rstest::rstest;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        new: New,
    }

    fn tag(flags: &[&str]) -> Result<Tag, String> {
        let line = Line::try_parse_from([&["new"], flags].concat()).map_err(|error| error.to_string())?;
        line.new.tag(Some("dev")).map_err(|problem| problem.to_string())
    }

    #[test]
    fn flags_make_a_tag() {
        let flags = [
            "myapp",
            "--from",
            "quay.io/a/b",
            "--policy",
            "semver=>=1.2.0, <2",
            "--interval",
            "10m",
            "--cache",
            "--no-push",
        ];
        let spec = serde_json::to_value(tag(&flags).unwrap().spec).unwrap();
        assert_eq!(
            spec,
            serde_json::json!({
                "from": "quay.io/a/b", "cache": true, "policy": { "semver": { "range": ">=1.2.0, <2" } },
                "track": { "interval": "10m", "push": false },
            })
        );
        let numbered = tag(&["myapp", "--from", "quay.io/a/b:latest", "--generation"]).unwrap();
        assert_eq!(numbered.spec.generation, Some(0));
    }

    #[rstest]
    #[case::a_name(&["My_App", "--from", "a/b"], "can't be the name of a Tag")]
    #[case::a_generation(&["myapp", "--from", "a/b", "--generation", "3"], "--generation: generation must be one of: [0]")]
    #[case::two_things(&["myapp", "--from", "a/b", "--history", "0", "--interval", "1s"], "--history: must be from 1 to 50; --interval: ")]
    #[case::a_range(&["myapp", "--from", "a/b", "--policy", "semver=new"], "--policy: ")]
    #[case::a_pattern(&["myapp", "--from", "a/b", "--policy", "numerical", "--filter", "("], "--filter: ")]
    #[case::an_image(&["myapp", "--from", "https://quay.io/a"], "--from: ")]
    #[case::a_tag_and_a_policy(&["myapp", "--from", "a/b:latest", "--policy", "semver=1.x"], "from")]
    #[case::a_rule(&["myapp", "--from", "a/b", "--policy", "newest"], "is no rule")]
    #[case::an_order(&["myapp", "--from", "a/b", "--policy", "numerical=up"], "is no rule")]
    #[case::an_interval(&["myapp", "--from", "a/b", "--interval", "1s"], "at least 30s")]
    #[case::a_filter_alone(&["myapp", "--from", "a/b", "--filter", "x"], "--policy")]
    fn what_is_wrong_is_told_before_anything_is_sent(#[case] flags: &[&str], #[case] told: &str) {
        let error = tag(flags).unwrap_err();
        assert!(error.contains(told), "{error}");
    }

    #[rstest]
    #[case("myapp", true)]
    #[case("myapp-devel.v2", true)]
    #[case("0", true)]
    #[case("", false)]
    #[case("My", false)]
    #[case("my_app", false)]
    #[case("-my", false)]
    #[case("my.", false)]
    #[case("quay.io/myapp", false)]
    #[case("myapp:latest", false)]
    #[case(&"a".repeat(64), false)]
    fn a_name_is_one_of_kubernetes(#[case] name: &str, #[case] valid: bool) {
        assert_eq!(is_name(name), valid);
    }
}
