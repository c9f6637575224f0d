use super::*;
use crate::steering::{Step, example};
use rstest::rstest;
use serde_json::{Value, json};
use tagger_api::workload::Kind;

const THEN: &str = "2026-01-01T00:00:00Z";

/// A Tag of version 2 with generations 0 and 1, and this status besides.
fn tag(spec: Value, status: Value) -> Tag {
    let mut tag = example::tag(spec, Some(0), &[1, 0]);
    tag.metadata.generation = Some(2);
    let mut all = serde_json::to_value(tag.status).unwrap();
    let ready =
        json!({ "observedGeneration": 2, "conditions": [told("Ready", "True", "Current", "it is there")] });
    for more in [ready, status] {
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }
    tag.status = Some(serde_json::from_value(all).unwrap());
    tag
}

fn told(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": THEN })
}

fn failed(reason: &str) -> Value {
    json!({
        "lastImportAttempt": { "when": "2026-01-01T00:00:09Z", "succeed": false, "reason": "it\nfailed" },
        "conditions": [told("Ready", "False", reason, "it failed"), told("Reconciling", "True", reason, "it failed")],
    })
}

fn state(kind: &str, reason: &str) -> Value {
    json!({ "conditions": [told("Ready", "False", reason, "why"), told(kind, "True", reason, "why")] })
}

fn image(number: i64) -> String {
    format!("quay.io/a/b@sha256:{number:064x}")
}

fn workload(kind: Kind, image: &str, ready: i64) -> Workload {
    let (_, name, _) = kind.names();
    let pods = json!({ "containers": [{ "name": "app", "image": image }] });
    let spec = match kind {
        Kind::Pod => pods,
        Kind::CronJob => json!({ "jobTemplate": { "spec": { "template": { "spec": pods } } } }),
        _ => json!({ "replicas": 2, "template": { "spec": pods } }),
    };
    let follows = match image {
        "myapp" => json!({}),
        image => json!({ "app": { "tag": "myapp", "image": image } }),
    };
    let object = json!({
        "apiVersion": "v1", "kind": name,
        "metadata": {
            "name": "web", "generation": 1, "annotations": { "image-tag": "true", "images.io/follows": follows.to_string() },
        },
        "spec": spec,
        "status": { "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": ready },
    });
    Workload::read(kind, &serde_json::from_value(object).unwrap()).unwrap()
}

/// What is waited for after a step of a Tag of version 2 whose import had failed before.
fn wanted(step: Step) -> Wanted {
    let before = json!({ "lastImportAttempt": { "when": THEN, "succeed": false, "reason": "long ago" } });
    Wanted::by(step, &tag(json!({}), before))
}

#[rstest]
#[case::not_seen_yet(json!({ "observedGeneration": 1 }), "the operator has not seen it yet; does it run?")]
#[case::not_there_yet(json!({}), "the registry is still asked")]
#[case::of_what_failed_before_nothing_is_known_yet(
    json!({ "lastImportAttempt": { "when": THEN, "succeed": false, "reason": "long ago" }, "conditions": failed("NotFound")["conditions"] }),
    "the registry is still asked"
)]
#[case::it_fails_for_a_while(failed("Timeout"), "the import fails, and is tried again: it failed")]
#[case::so_much_of_it_is_copied(
    json!({ "mirroring": { "generation": 1, "copied": 1024, "total": 4096 }, "conditions": state("Reconciling", "Mirroring")["conditions"] }),
    "the image is still copied into the cache, 1.00 KiB of 4.00 KiB"
)]
#[case::another_is_copied_first(
    json!({ "mirroring": { "generation": 0, "copied": 1024, "total": 4096 }, "conditions": state("Reconciling", "Mirroring")["conditions"] }),
    "the image is still copied into the cache"
)]
#[case::it_is_copied(state("Reconciling", "Mirroring"), "the image is still copied into the cache")]
fn an_import_is_on_its_way(#[case] status: Value, #[case] said: &str) {
    assert_eq!(phase(&tag(json!({}), status), &[], &wanted(Step::Import(1))).to_string(), said);
}

#[rstest]
#[case::not_found(json!({}), failed("NotFound"), Remedy::MendAndWait)]
#[case::no_room_in_the_cache(json!({}), failed("CacheStorageFull"), Remedy::MendAndWait)]
#[case::stalled(json!({}), state("Stalled", "NoCache"), Remedy::ChangeTheTag)]
#[case::suspended(json!({ "suspend": true }), json!({}), Remedy::Resume)]
#[case::set_back(json!({ "generation": 0 }), json!({}), Remedy::Look)]
#[case::set_back_before_it_was_seen(json!({ "generation": 0 }), json!({ "observedGeneration": 1 }), Remedy::Look)]
fn what_does_not_come_by_itself_ends_the_wait(
    #[case] spec: Value,
    #[case] status: Value,
    #[case] expected: Remedy,
) {
    let phase = phase(&tag(spec, status), &[], &wanted(Step::Import(1)));
    assert!(matches!(phase, Phase::Failed { remedy, .. } if remedy == expected), "{phase:?}");
}

#[rstest]
#[case::all_run_it(Kind::Deployment, &image(1), 2, None)]
#[case::one_pod_is_not_ready(Kind::Deployment, &image(1), 1, Some("deployment/web 1/2 ready"))]
#[case::it_runs_the_old_one(Kind::Deployment, &image(0), 2, Some("deployment/web waits for the image"))]
#[case::the_webhook_was_away(Kind::Deployment, "myapp", 2, Some("deployment/web waits for the image"))]
#[case::its_next_run_has_it(Kind::CronJob, &image(1), 0, None)]
#[case::its_next_run_has_the_old_one(Kind::CronJob, &image(0), 0, Some("cronjob/web waits for the image"))]
#[case::a_job_keeps_what_it_has(Kind::Job, &image(0), 0, None)]
#[case::and_so_does_a_pod(Kind::Pod, &image(0), 0, None)]
fn it_is_done_when_the_workloads_run_it(
    #[case] kind: Kind,
    #[case] has: &str,
    #[case] ready: i64,
    #[case] missing: Option<&str>,
) {
    let tag = tag(json!({}), json!({ "generation": 1 }));
    let phase = phase(&tag, &[workload(kind, has, ready)], &wanted(Step::Import(1)));
    match missing {
        None => assert!(matches!(phase, Phase::Done { generation: 1, .. }), "{phase:?}"),
        Some(missing) => {
            assert_eq!(phase.to_string(), format!("generation 1 is published; not yet there: {missing}"));
        }
    }
}

#[rstest]
#[case::the_one_that_was_named(Step::Select(0), 0, true)]
#[case::another_than_was_named(Step::Select(0), 1, false)]
#[case::the_one_that_was_made(Step::Import(1), 1, true)]
#[case::one_after_it(Step::Import(0), 1, true)]
#[case::one_before_it(Step::Import(1), 0, false)]
#[case::any_by_the_specification(Step::Follow, 1, true)]
fn the_generation_is_there(#[case] step: Step, #[case] current: i64, #[case] there: bool) {
    let tag = tag(json!({}), json!({ "generation": current }));
    assert_eq!(matches!(phase(&tag, &[], &wanted(step)), Phase::Done { .. }), there);
}

#[test]
fn a_tag_that_copies_what_it_had_is_not_done() {
    let status = state("Reconciling", "Mirroring");
    let mut there = tag(json!({}), status);
    there.status.as_mut().unwrap().generation = Some(1);
    let phase = phase(&there, &[], &wanted(Step::Import(1)));
    assert_eq!(phase.to_string(), "generation 1 is published, and runs; why");
}

#[test]
fn a_tag_that_was_just_made_is_done_with_its_first_generation() {
    let made = tag(json!({}), json!({}));
    let first = Wanted::first(&made);
    let status = |more: Value| tag(json!({}), more);
    assert!(matches!(phase(&status(json!({ "generation": 1 })), &[], &first), Phase::Done { .. }));
    let nothing = json!({ "generation": null, "references": [], "conditions": [] });
    assert_eq!(phase(&status(nothing), &[], &first), Phase::Resolving);
    assert_eq!(phase(&Tag { status: None, ..made }, &[], &first), Phase::Unseen);
}
