//! Every metric, held to the naming rules of Prometheus and of OpenMetrics.

use super::*;

fn is_snake(name: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.split('_').all(is_part) && name.starts_with(|first: char| first.is_ascii_lowercase())
}

#[test]
fn every_metric_follows_the_rules_for_names_and_units() {
    let families = described();
    assert!(families.len() > 40, "{}", families.len());
    for family in &families {
        let name = &family.name;
        assert!(is_snake(name), "{name}");
        assert!(name.starts_with("tagger_") || name.starts_with("process_"), "{name}");
        assert!(
            !name.ends_with("_total") && !name.ends_with("_count") && !name.ends_with("_info"),
            "{name}: added by itself"
        );
        // What is measured is measured in base units, and the name ends with them.
        let of_time = ["duration", "age", "wait", "timestamp", "paused", "cpu", "start_time"];
        let of_size = ["memory", "copied"];
        let stem = family.unit.as_ref().and_then(|unit| name.strip_suffix(unit.as_str())?.strip_suffix('_'));
        match stem {
            Some(stem) => {
                let unit = family.unit.as_deref().unwrap();
                let ends = |words: &[&str]| words.iter().any(|word| stem.ends_with(word));
                assert!(
                    (unit == "seconds" && ends(&of_time)) || (unit == "bytes" && ends(&of_size)),
                    "{name}"
                );
            }
            None => {
                assert_eq!(family.unit, None, "{name} does not end with its unit");
                for word in ["seconds", "bytes", "milliseconds", "percent", "ratio"]
                    .iter()
                    .chain(&of_time)
                    .chain(&of_size)
                {
                    assert!(!name.ends_with(word), "{name} has no unit");
                }
            }
        }
        assert!(
            ["counter", "gauge", "histogram", "info"].contains(&family.kind.as_str()),
            "{name}: {}",
            family.kind
        );
        assert!(family.kind != "histogram" || family.unit.is_some(), "{name}");
    }
}

#[test]
fn every_metric_is_explained_in_a_sentence_and_has_a_specimen() {
    for family in described() {
        let name = &family.name;
        let help = &family.help;
        assert!(family.samples > 0, "{name}");
        assert!(help.len() > 12 && help.starts_with(|first: char| first.is_uppercase()), "{name}: {help}");
        assert!(help.ends_with('.') && !help.ends_with(".."), "{name}: {help}");
    }
}

/// Labels whose values are not all known beforehand, and what bounds them.
const OPEN: [(&str, &str); 7] = [
    ("host", "the registries that somebody named, 200 of them"),
    ("code", "statuses that are told apart, and the reasons of failures"),
    ("reason", "the reasons of failures"),
    ("result", "the reasons of failures"),
    ("tag", "the 100 Tags that have not been ready for longest"),
    ("tag_namespace", "the 100 Tags that have not been ready for longest"),
    ("version", "one"),
];

/// Labels of which the specimen has every value.
const CLOSED: [&str; 14] = [
    "webhook",
    "operation",
    "kind",
    "trigger",
    "outcome",
    "tags",
    "type",
    "state",
    "generation",
    "how",
    "verb",
    "certificate",
    "provider",
    "fate",
];

#[test]
fn no_metric_is_there_twice() {
    let mut names: Vec<String> = described().iter().flat_map(Described::series).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn every_label_is_bounded_and_says_by_what() {
    for family in described() {
        let name = &family.name;
        for label in family.labels.keys() {
            assert!(is_snake(label), "{name}: {label}");
            let is_bounded = CLOSED.contains(&label.as_str()) || OPEN.iter().any(|(open, _)| open == label);
            assert!(is_bounded, "{name}: what bounds {label}?");
        }
    }
}
