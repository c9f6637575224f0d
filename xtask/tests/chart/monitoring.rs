//! The monitoring that the chart brings: it finds what it looks for.

use serde_json::Value;

use crate::rendered::{CASES, Case, folder, selects};

fn whole() -> &'static Case {
    CASES.iter().find(|case| case.name.starts_with("ci/all")).unwrap()
}

#[test]
fn the_monitor_finds_one_service_and_a_port_of_it() {
    let monitor = whole().of("ServiceMonitor").next().unwrap();
    let selector = &monitor["spec"]["selector"]["matchLabels"];
    let found: Vec<_> =
        whole().of("Service").filter(|it| selects(selector, &it["metadata"]["labels"])).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["spec"]["ports"][0]["name"], monitor["spec"]["endpoints"][0]["port"]);
}

#[test]
fn alerts_and_dashboard_are_those_of_the_files() {
    let rule = whole().of("PrometheusRule").next();
    let alerts = std::fs::read_to_string(folder().join("files/alerts.yaml")).ok();
    assert_eq!(rule.is_some(), alerts.is_some());
    if let (Some(rule), Some(alerts)) = (rule, alerts) {
        let alerts: Value = serde_yaml_ng::from_str(&alerts).unwrap();
        let (rendered, written) =
            (rule["spec"]["groups"].as_array().unwrap(), alerts["groups"].as_array().unwrap());
        assert_eq!(rendered.len(), written.len());
        for (rendered, written) in rendered.iter().zip(written) {
            for (rendered, written) in
                rendered["rules"].as_array().unwrap().iter().zip(written["rules"].as_array().unwrap())
            {
                assert_eq!(rendered["expr"], written["expr"]);
                assert_eq!(
                    rendered["annotations"], written["annotations"],
                    "what Prometheus fills in is left to it"
                );
                let is_alert = written["alert"].is_string();
                assert_eq!(rendered["labels"]["team"] == "platform", is_alert, "{rendered}");
            }
        }
    }
    let map = whole().of("ConfigMap").find(|it| it["metadata"]["name"] == "image-tagger-dashboard");
    let dashboard = std::fs::read_to_string(folder().join("files/dashboard.json")).ok();
    assert_eq!(map.is_some(), dashboard.is_some());
    if let (Some(map), Some(dashboard)) = (map, dashboard) {
        let read = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        assert_eq!(read(map["data"]["tagger.json"].as_str().unwrap()), read(&dashboard));
        assert_eq!(map["metadata"]["namespace"], "monitoring");
    }
}
