//! After a story, `/metrics` tells it truly, and health says what is so.

use serde_json::json;
use tagger_testkit::registry::RegistryOptions;

use crate::support::cached::Cached;
use crate::support::{Namespace, World, eventually, run};

/// What is told at a path of the health address, and with which status.
async fn told(world: &World, path: &str) -> (u16, String) {
    let url = world.operator.metrics_url().replace("/metrics", path);
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The value of a series, or 0 where it is not told.
async fn value(world: &World, series: &str) -> f64 {
    let (_, text) = told(world, "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

async fn becomes(world: &World, series: &str, expected: f64) {
    eventually(&format!("{series} {expected}"), || async {
        (value(world, series).await == expected).then_some(())
    })
    .await;
}

#[test]
fn after_a_story_the_metrics_tell_it_truly() {
    run(async {
        let cached = Cached::start(&RegistryOptions::default(), &[]).await;
        let world = &cached.world;
        let here = Namespace::new(world, "counted").await;

        here.ready_tag("myapp").await;
        becomes(world, r#"tagger_imports_total{trigger="spec",result="done"}"#, 1.0).await;
        becomes(world, r#"tagger_tags{state="ready"}"#, 1.0).await;
        assert!(value(world, r#"tagger_generation_age_seconds{generation="oldest"}"#).await < 3600.0);
        let host = world.registry.address();
        assert!(
            value(world, &format!(r#"tagger_registry_requests_total{{host="{host}",code="200"}}"#)).await
                >= 1.0
        );
        assert!(
            value(world, &format!(r#"tagger_registry_request_duration_seconds_count{{host="{host}"}}"#))
                .await
                >= 1.0
        );

        here.push("copied", "latest", 1).await;
        here.apply(&here.tag("copied", json!({ "generation": 0, "cache": true }))).await.unwrap();
        here.wait_for_generation("copied", 0).await;
        becomes(world, r#"tagger_mirrors_total{result="done"}"#, 1.0).await;
        assert!(value(world, "tagger_mirror_copied_bytes_total").await > 0.0);
        assert_eq!(value(world, "tagger_mirror_duration_seconds_count").await, 1.0);
        assert_eq!(value(world, "tagger_mirrors_in_progress").await, 0.0);

        here.apply(&here.deployment("myapp", "myapp")).await.unwrap();
        let patched = r#"tagger_admission_reviews_total{webhook="mutate",operation="create",kind="Deployment",result="patched"}"#;
        becomes(world, patched, 1.0).await;
        assert!(
            value(world, r#"tagger_admission_review_duration_seconds_count{webhook="mutate"}"#).await >= 1.0
        );
        assert_eq!(value(world, r#"tagger_admission_reviews_in_flight{webhook="mutate"}"#).await, 0.0);
        becomes(world, r#"tagger_workloads_attached{kind="Deployment"}"#, 1.0).await;

        here.push("myapp", "latest", 2).await;
        here.go_to_generation("myapp", 1).await;
        becomes(world, r#"tagger_rollouts_total{kind="Deployment",result="admission"}"#, 1.0).await;
        here.go_to_generation("myapp", 0).await;
        becomes(world, "tagger_tags_outdated", 1.0).await;
        here.kubectl(&["set", "image", "deployment/myapp", "app=registry.example/other:1"]).await.unwrap();
        becomes(world, r#"tagger_containers_detached_total{kind="Deployment"}"#, 1.0).await;
        becomes(world, r#"tagger_workloads_attached{kind="Deployment"}"#, 0.0).await;

        here.apply(&here.tag("refused", json!({ "generation": -3 }))).await.unwrap_err();
        here.apply(&here.tag("gone", json!({ "generation": 0 }))).await.unwrap();
        here.apply(&here.tag("held", json!({ "suspend": true }))).await.unwrap();
        becomes(world, r#"tagger_tags{state="reconciling"}"#, 1.0).await;
        becomes(world, r#"tagger_tags{state="suspended"}"#, 1.0).await;
        eventually("the failure is counted", || async {
            (value(world, r#"tagger_imports_total{trigger="spec",result="NotFound"}"#).await >= 1.0)
                .then_some(())
        })
        .await;
        let labels =
            format!(r#"tag_namespace="{}",tag="gone",state="reconciling",reason="NotFound""#, here.name);
        let since = format!("tagger_tag_not_ready_timestamp_seconds{{{labels}}}");
        eventually("the Tag that fails is named", || async {
            (value(world, &since).await > 1e9).then_some(())
        })
        .await;

        assert_eq!(value(world, "tagger_leader").await, 1.0);
        assert_eq!(value(world, "tagger_looks_waiting").await, 0.0);
        let (served, authority) = (
            value(world, r#"tagger_certificate_expiry_timestamp_seconds{certificate="serving"}"#).await,
            value(world, r#"tagger_certificate_expiry_timestamp_seconds{certificate="authority"}"#).await,
        );
        assert!(1.7e9 < served && served < authority, "{served} {authority}");
        assert!(value(world, r#"tagger_kubernetes_requests_total{verb="put",code="200"}"#).await >= 3.0);
        assert!(value(world, r#"tagger_events_total{type="warning",result="written"}"#).await >= 1.0);
        assert!(value(world, "process_resident_memory_bytes").await > 1e6);
        assert!(value(world, "process_start_time_seconds").await > 1.7e9);

        // Whatever is told has its row in the reference.
        let page = include_str!("../../../docs/reference/metrics.md");
        let (_, text) = told(world, "/metrics").await;
        for described in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = described.split_once(' ').unwrap();
            let suffix = if kind == "counter" {
                "_total"
            } else if kind == "info" {
                "_info"
            } else {
                ""
            };
            assert!(page.contains(&format!("| `{name}{suffix}` | {kind} |")), "{described}");
        }
    });
}

#[test]
fn health_does_not_depend_on_the_api_server_and_readiness_says_what_is_so() {
    run(async {
        let world = World::start(&[]).await;
        let (status, text) = told(&world, "/readyz?verbose").await;
        assert_eq!(status, 200);
        assert!(text.starts_with("[+] watches\n[+] certificate: expires at 2"), "{text}");
        assert!(text.ends_with("[+] not leaving\n"), "{text}");
        assert_eq!(told(&world, "/readyz").await, (200, "ok\n".to_owned()));
        let World { control_plane, operator, registry, proxy } = world;
        // The API server goes, and whoever asks whether the operator is worth keeping hears that it is.
        let kubectl = control_plane.kubectl();
        drop(control_plane);
        kubectl.run(&["get", "namespaces"]).await.unwrap_err();
        let url = operator.metrics_url().replace("/metrics", "/healthz?verbose");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..3 {
            let answer = client.get(&url).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            assert!(answer.text().await.unwrap().ends_with("[+] runtime\n"));
            crate::support::a_moment().await;
        }
        drop((registry, proxy));
    });
}
