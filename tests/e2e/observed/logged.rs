//! The log for machines.

use serde_json::{Value, json};

use crate::support::{Namespace, World, eventually, run};

/// The lines of the operator's log. Each is a JSON object.
fn lines(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.operator.log()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn lines_about_a_tag_name_it_and_bear_the_ids_of_the_look_that_they_belong_to() {
    run(async {
        let world = World::start(&["--log-format", "json", "--log-level", "warn"]).await;
        let here = Namespace::new(&world, "logged").await;
        here.apply(&here.tag("gone", json!({ "generation": 0 }))).await.unwrap();
        here.wait_for_condition("gone", "Reconciling").await;
        let line = eventually("a line about the failure", || async {
            lines(&world).into_iter().find(|line| line["name"] == "gone" && line["reason"] == "NotFound")
        })
        .await;
        assert_eq!((&line["namespace"], &line["level"]), (&json!(here.name), &json!("WARN")));
        assert_eq!((&line["span"], &line["kind"]), (&json!("reconcile"), &json!("Tag")));
        let is_id = |field: &str, length: usize| {
            let id = line[field].as_str().unwrap_or_default();
            id.len() == length && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        assert!(is_id("trace_id", 32) && is_id("span_id", 16), "{line}");
        assert!(line["timestamp"].as_str().unwrap().starts_with("20"), "{line}");
    });
}
