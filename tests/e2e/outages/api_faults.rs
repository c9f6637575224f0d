//! An API server that refuses, fails, hangs, or forgets.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use tagger_testkit::proxy::{Fault, Match};

use super::ground::Ground;
use crate::support::told::trigger;
use crate::support::{Namespace, eventually, run};

/// How long everything goes wrong.
const STORM: Duration = Duration::from_secs(2);

/// A refusal as the API server writes them.
pub fn refused(code: u16, reason: &str) -> Fault {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": "the proxy says so",
    });
    Fault::status(code).replaced(status.to_string()).header("Content-Type", "application/json")
}

/// A write of a status.
fn status() -> Match {
    Match::any().method("PUT").path("/status")
}

#[rstest]
#[case::conflicts(status(), refused(409, "Conflict"))]
#[case::throttling(Match::any(), refused(429, "TooManyRequests").header("Retry-After", "1"))]
#[case::throttling_that_is_absurd(status(), refused(429, "TooManyRequests").header("Retry-After", "never"))]
#[case::internal_errors(Match::any(), refused(500, "InternalError"))]
#[case::errors_of_a_load_balancer(Match::any(), Fault::status(502).html())]
#[case::connections_that_break(Match::any(), Fault::hang_up())]
#[case::answers_that_are_lost(status(), Fault::forward().answer_lost())]
fn a_storm_of(#[case] matching: Match, #[case] fault: Fault) {
    run(async {
        let ground = Ground::take().await;
        let here = Namespace::new(ground.world(), "storm").await;
        here.ready_tag("myapp").await;
        here.apply(&here.deployment("before", "myapp")).await.unwrap();
        ground.api.take_requests();
        ground.api.fault(matching, fault);
        // Those that hold already are faulty too.
        ground.api.break_connections().await.unwrap();
        let second = here.push("myapp", "latest", 1).await;
        here.patch_tag("myapp", json!({ "generation": 1 })).await;
        here.push("new", "latest", 2).await;
        here.apply(&here.tag("new", json!({}))).await.unwrap();
        here.apply(&here.deployment("during", "myapp")).await.unwrap();
        tokio::time::sleep(STORM).await;
        let asked = ground.api.take_requests().len();
        assert!(asked <= 400, "{asked} requests in {STORM:?}: who is refused does not insist");
        ground.api.heal();
        here.wait_for_generation("myapp", 1).await;
        here.wait_for_generation("new", 0).await;
        for name in ["before", "during"] {
            here.wait_for_image("deployment", name, &second).await;
        }
        assert_eq!(here.generations("myapp").await, (vec![1, 0], 1), "each was published once");
        assert_eq!(here.generations("new").await, (vec![0], 0));
        assert_eq!(trigger(&here.newest("myapp", 1).await), "Spec");
    });
}

#[test]
fn a_call_that_hangs_is_given_up_and_made_again() {
    run(async {
        let ground = Ground::take().await;
        let here = Namespace::new(ground.world(), "hangs").await;
        here.ready_tag("myapp").await;
        let deployments = ["a", "b", "c", "d"];
        for name in deployments {
            here.apply(&here.deployment(name, "myapp")).await.unwrap();
        }
        let name = here.name.clone();
        let of_ours = |method: &str| {
            let name = name.clone();
            Match::any()
                .method(method)
                .when(move |request| request.path.contains(&format!("/namespaces/{name}/")))
        };
        ground.api.fault(of_ours("PUT").times(1), Fault::never());
        ground.api.fault(of_ours("POST").times(4), Fault::never());
        let second = here.push("myapp", "latest", 1).await;
        here.patch_tag("myapp", json!({ "generation": 1 })).await;
        here.wait_for_generation("myapp", 1).await;
        for name in deployments {
            here.wait_for_image("deployment", name, &second).await;
        }
        // Four Events hang, and are lost; those after them are not.
        let third = here.push("myapp", "latest", 2).await;
        here.go_to_generation("myapp", 2).await;
        here.wait_for_image("deployment", "d", &third).await;
        eventually("Events are told again", || async {
            here.events_on("Deployment", "d").await.contains(&"RolledOut".to_owned()).then_some(())
        })
        .await;
    });
}

/// Somebody else who writes the same objects all the time: each of our writes is over a version that is past.
#[test]
fn real_conflicts_without_end_hold_nothing_up_for_longer_than_they_last() {
    run(async {
        let ground = Ground::take().await;
        let here = Namespace::new(ground.world(), "conflicts").await;
        here.ready_tag("myapp").await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        let delay = Fault::forward().delay(Duration::from_millis(300));
        ground.api.fault(status(), delay.clone());
        ground.api.fault(Match::any().method("PATCH"), delay);
        let second = here.push("myapp", "latest", 1).await;
        let path = |kind: &str, name: &str| format!("/apis/{kind}/{name}").replace("NAMESPACE", &here.name);
        let (tag, deployment) = (
            path("images.io/v1/namespaces/NAMESPACE/tags", "myapp"),
            path("apps/v1/namespaces/NAMESPACE/deployments", "d"),
        );
        here.patch_tag("myapp", json!({ "generation": 1 })).await;
        for number in 0..60 {
            let patch = json!({ "metadata": { "labels": { "n": format!("{number}") } } });
            for path in [&tag, &deployment] {
                let (status, answer) =
                    here.world.control_plane.ask("PATCH", path, Some(&patch)).await.unwrap();
                assert_eq!(status, 200, "{answer}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let conflicts = ground.api.requests().iter().filter(|asked| asked.status == Some(409)).count();
        assert!(conflicts > 0, "it was a storm");
        here.wait_for_generation("myapp", 1).await;
        here.wait_for_image("deployment", "d", &second).await;
        assert_eq!(here.generations("myapp").await, (vec![1, 0], 1));
    });
}

/// What the API server says to whoever asks for more than it remembers.
#[rstest]
#[case::as_an_answer(refused(410, "Expired"))]
#[case::as_an_event(Fault::status(200).header("Content-Type", "application/json").replaced(gone()))]
fn a_watch_that_is_told_410_lists_anew_and_has_missed_nothing(#[case] fault: Fault) {
    run(async {
        let ground = Ground::take().await;
        let here = Namespace::new(ground.world(), "gone").await;
        for name in ["stays", "moves", "goes"] {
            here.ready_tag(name).await;
        }
        here.apply(&here.deployment("d", "moves")).await.unwrap();
        ground.api.stop();
        // Meanwhile nothing is heard.
        here.kubectl(&["delete", "tag", "goes"]).await.unwrap();
        let second = here.push("moves", "latest", 1).await;
        here.patch_tag("moves", json!({ "generation": 1 })).await;
        here.push("comes", "latest", 2).await;
        here.apply(&here.tag("comes", json!({}))).await.unwrap();
        ground.api.fault(Match::any().when(|asked| asked.query.contains("watch=")).times(20), fault);
        ground.api.take_requests();
        ground.api.start_again().await.unwrap();
        here.wait_for_generation("moves", 1).await;
        here.wait_for_generation("comes", 0).await;
        here.wait_for_image("deployment", "d", &second).await;
        here.apply(&here.deployment("e", "goes")).await.unwrap();
        assert_eq!(here.image_of("deployment", "e").await.unwrap(), "goes", "that Tag is known no more");
    });
}

fn gone() -> String {
    let status: Value = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired",
        "message": "too old resource version: 1 (2)",
    });
    json!({ "type": "ERROR", "object": status }).to_string() + "\n"
}
