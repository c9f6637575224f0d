//! The dashboard and the alerts of the chart, held to the metrics that there are, to Prometheus' own tool, and to what explains them.

#![allow(clippy::unwrap_used, reason = "this is a test: what goes wrong ends it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;
use tagger_testkit::prometheus::promtool;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn alerts() -> Vec<Value> {
    let file: Value = serde_yaml_ng::from_str(&read("charts/tagger/files/alerts.yaml")).unwrap();
    let groups = file["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&read("charts/tagger/files/dashboard.json")).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// Every query, with what it is of.
fn queries() -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let alerts = alerts().into_iter().map(|alert| (text(&alert["alert"]), text(&alert["expr"])));
    let panels = panels().into_iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| (text(&panel["title"]), text(&target["expr"])))
    });
    alerts.chain(panels).collect()
}

/// The labels that Prometheus adds by itself.
const ADDED: [&str; 3] = ["job", "instance", "le"];

#[test]
fn every_query_is_of_metrics_and_labels_that_there_are() {
    let series: BTreeMap<String, BTreeSet<String>> = tagger::metrics::described()
        .into_iter()
        .flat_map(|metric| {
            let labels: BTreeSet<String> = metric.labels.keys().cloned().collect();
            metric.series().into_iter().map(move |name| (name, labels.clone()))
        })
        .collect();
    let name = Regex::new(r"\b((?:tagger|process)_[a-z0-9_]+)(?:\{([^}]*)\})?").unwrap();
    let grouping = Regex::new(r"\b(?:by|on) \(([a-z_, ]*)\)").unwrap();
    let mut used = BTreeSet::new();
    for (of, query) in queries() {
        let mut labels: BTreeSet<&str> = ADDED.into();
        for found in name.captures_iter(&query) {
            let known = series.get(&found[1]).unwrap_or_else(|| panic!("{of}: there is no {}", &found[1]));
            labels.extend(known.iter().map(String::as_str));
            used.insert(found[1].to_owned());
            for matcher in found
                .get(2)
                .map_or("", |selector| selector.as_str())
                .split(',')
                .filter(|text| !text.is_empty())
            {
                let label = matcher.split(['=', '!']).next().unwrap();
                assert!(
                    known.contains(label) || ADDED.contains(&label),
                    "{of}: {} has no {label}",
                    &found[1]
                );
            }
        }
        assert!(labels.len() > ADDED.len() || name.is_match(&query), "{of} asks for nothing");
        for found in grouping.captures_iter(&query) {
            for label in found[1].split(", ") {
                assert!(labels.contains(label), "{of}: nothing in {query} has {label}");
            }
        }
    }
    assert!(used.len() > 25, "{used:?}");
}

#[test]
fn every_alert_says_what_is_so_what_it_means_and_where_to_read_what_to_do() {
    let page = read("docs/operations/monitoring.md");
    let alerts = alerts();
    assert!(alerts.len() > 15);
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        let told = |field: &str| alert["annotations"][field].as_str().unwrap_or_default().to_owned();
        assert!(!told("summary").is_empty() && told("description").len() > 40, "{name}");
        assert!(["warning", "critical"].contains(&alert["labels"]["severity"].as_str().unwrap()), "{name}");
        assert_eq!(told("runbook"), format!("docs/operations/monitoring.md#{}", name.to_lowercase()));
        assert!(page.contains(&format!("\n### {name}\n")), "{name} is not explained");
        assert!(alert["for"].is_string(), "{name} fires at the first moment");
    }
}

#[test]
fn the_dashboard_has_its_rows_and_its_panels_stand_beside_each_other() {
    let panels = panels();
    let rows: Vec<&str> = panels
        .iter()
        .filter(|panel| panel["type"] == "row")
        .map(|panel| panel["title"].as_str().unwrap())
        .collect();
    assert_eq!(
        rows,
        ["Overview", "Tags", "Registries", "Admission", "Cache", "Certificates, leader, process"]
    );
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in &panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        for (x, y) in (place("x")..place("x") + place("w"))
            .flat_map(|x| (place("y")..place("y") + place("h")).map(move |y| (x, y)))
        {
            assert!(x < 24 && taken.insert((x, y)), "{} stands on another one", panel["title"]);
        }
        if panel["type"] != "row" {
            assert!(panel["description"].as_str().unwrap().ends_with('.'), "{}", panel["title"]);
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
        }
    }
}

#[tokio::test]
async fn prometheus_itself_takes_the_alerts_and_finds_what_they_are_for() {
    promtool(&["check", "rules"], &root().join("charts/tagger/files/alerts.yaml")).await.unwrap();
    promtool(&["test", "rules"], &root().join("xtask/tests/alerts/tests.yaml")).await.unwrap();
}

#[tokio::test]
async fn prometheus_itself_can_read_every_query_of_the_dashboard() {
    let rules: Vec<Value> = queries()
        .into_iter()
        .enumerate()
        .map(|(number, (_, query))| {
            let query = query.replace("$__rate_interval", "1m").replace("$job", ".*");
            serde_json::json!({ "record": format!("query_{number}"), "expr": query })
        })
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    let groups = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    std::fs::write(file.path(), groups.to_string()).unwrap();
    promtool(&["check", "rules"], file.path()).await.unwrap();
}
