//! The values, their schema, and what the chart says of itself.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::rendered::{file, own_values};

/// The paths of all values; what is empty, or has keys of people in it, is one value.
fn paths(at: &str, value: &Value, schema: &Value, into: &mut BTreeSet<String>) {
    match (value.as_object(), schema["properties"].as_object()) {
        (Some(values), Some(properties)) if !properties.is_empty() => {
            for (name, value) in values {
                paths(&format!("{at}.{name}"), value, &properties[name], into);
            }
        }
        _ => drop(into.insert(at.to_owned())),
    }
}

/// The paths of all values that the schema knows.
fn known(at: &str, schema: &Value, into: &mut BTreeSet<String>) {
    match schema["properties"].as_object() {
        Some(properties) => {
            properties.iter().for_each(|(name, schema)| known(&format!("{at}.{name}"), schema, into))
        }
        None => drop(into.insert(at.to_owned())),
    }
}

#[test]
fn the_schema_knows_all_values_and_no_others() {
    let schema: Value = serde_json::from_str(&file("values.schema.json")).unwrap();
    let (mut there, mut allowed) = (BTreeSet::new(), BTreeSet::new());
    paths("", &own_values(), &schema, &mut there);
    known("", &schema, &mut allowed);
    // Not values of this chart: for conditions of charts that it is part of, what they share, and what an issuer is named by.
    allowed
        .retain(|path| path != ".enabled" && !path.starts_with(".global.") && !path.contains(".issuerRef."));
    there.retain(|path| path != ".global" && !path.starts_with(".global.") && !path.ends_with(".issuerRef"));
    assert_eq!(there, allowed);
}

#[test]
fn nothing_unknown_gets_through_anywhere_but_in_what_charts_share() {
    fn strict(at: &str, schema: &Value) {
        let Some(properties) = schema["properties"].as_object() else { return };
        assert_eq!(schema["additionalProperties"] == false, at != ".global", "{at}");
        properties.iter().for_each(|(name, schema)| strict(&format!("{at}.{name}"), schema));
    }
    strict("", &serde_json::from_str(&file("values.schema.json")).unwrap());
}

#[test]
fn every_value_says_what_it_is_for() {
    let lines: Vec<String> = file("values.yaml").lines().map(str::to_owned).collect();
    let key = |line: &str| line.trim_start().split_once(':').map(|(key, _)| key.to_owned());
    let is_group = |number: usize| {
        let indent = |line: &str| line.len() - line.trim_start().len();
        lines
            .get(number + 1)
            .is_some_and(|next| indent(next) > indent(&lines[number]) && next.trim_start().starts_with('#'))
    };
    let schema: Value = serde_json::from_str(&file("values.schema.json")).unwrap();
    for (number, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some(key) = key(line).filter(|key| !key.starts_with(['#', '-'])) else { continue };
        let top = indent == 0;
        let is_ours = top && schema["properties"][&key].is_object();
        let said = number > 0 && lines[number - 1].trim_start().starts_with('#');
        assert!(!is_ours || said || is_group(number), "line {}: nothing is said of {key}", number + 1);
    }
}

#[test]
fn the_chart_is_of_the_version_of_the_program() {
    let chart: Value = serde_yaml_ng::from_str(&file("Chart.yaml")).unwrap();
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}
