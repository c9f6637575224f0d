//! How far a Tag and its workloads are on their way. Pure.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use tagger_api::Tag;

use crate::workloads::{Readiness, Workload};

/// Where a Tag is to come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The generation; none for whichever the Tag comes to.
    pub(crate) generation: Option<i64>,
    /// The version of the specification that asks for it.
    pub(crate) version: Option<i64>,
    /// The failure that was there before: it is not this one's.
    pub(crate) failed_before: Option<Timestamp>,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// The operator has not seen it yet, or asks the registry.
    Resolving,
    /// The image is copied into the cache: so many bytes of so many.
    Mirroring { copied: u64, total: u64 },
    /// The generation is there, and workloads do not all run it.
    RollingOut { generation: i64, workloads: Vec<Progress> },
    /// All is there.
    Done { generation: i64, workloads: Vec<Progress> },
    /// It does not come by itself soon.
    Failed { message: String },
}

/// How far one workload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) label: String,
    /// Whether it has the image.
    pub(crate) has_image: bool,
    pub(crate) readiness: Readiness,
}

impl Progress {
    pub(crate) fn is_done(&self) -> bool {
        self.has_image && self.readiness.is_complete()
    }
}

/// Says how far a Tag and the workloads of its namespace are.
pub(crate) fn phase(tag: &Tag, workloads: &[Workload], wanted: &Wanted) -> Phase {
    let status = tag.status.clone().unwrap_or_default();
    let condition =
        |kind: &str| status.conditions.iter().find(|told| told.type_ == kind && told.status == "True");
    let is_observed = status.observed_generation >= wanted.version;
    if let (true, Some(stalled)) = (is_observed, condition("Stalled")) {
        return Phase::Failed { message: stalled.message.clone() };
    }
    let is_there = status.generation.is_some()
        && wanted.generation.is_none_or(|wanted| status.generation == Some(wanted));
    let attempt = status.last_import_attempt.as_ref().filter(|attempt| !attempt.succeed);
    if let (false, Some(attempt)) = (is_there, attempt)
        && is_observed
        && Some(attempt.when) != wanted.failed_before
    {
        return Phase::Failed { message: attempt.reason.clone() };
    }
    let (Some(current), true, true) = (status.current(), is_there, is_observed) else {
        return on_its_way(tag);
    };
    let name = tag.metadata.name.as_deref().unwrap_or_default();
    let progress: Vec<Progress> = workloads
        .iter()
        .filter(|workload| workload.following(name).next().is_some())
        .map(|workload| Progress {
            label: workload.label(),
            has_image: workload.following(name).all(|(_, follow)| follow.image == current.image_reference)
                || !workload.kind.rolls_out(),
            readiness: workload.readiness,
        })
        .collect();
    let is_ready = condition("Ready").is_some();
    match is_ready && progress.iter().all(Progress::is_done) {
        true => Phase::Done { generation: current.generation, workloads: progress },
        false => Phase::RollingOut { generation: current.generation, workloads: progress },
    }
}

fn on_its_way(tag: &Tag) -> Phase {
    let status = serde_json::to_value(&tag.status).unwrap_or_default();
    let bytes = |field: &str| status.pointer(&format!("/mirroring/{field}")).and_then(Value::as_u64);
    match (bytes("copied"), bytes("total")) {
        (Some(copied), Some(total)) => Phase::Mirroring { copied, total },
        _ => Phase::Resolving,
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolving => f.write_str("the registry is asked"),
            Self::Mirroring { copied, total } => {
                write!(
                    f,
                    "mirroring, {} of {}",
                    indicatif::HumanBytes(*copied),
                    indicatif::HumanBytes(*total)
                )
            }
            Self::RollingOut { generation, workloads } => {
                let late: Vec<&str> =
                    workloads.iter().filter(|one| !one.is_done()).map(|one| one.label.as_str()).collect();
                write!(f, "generation {generation} is published, and not rolled out yet: {}", late.join(", "))
            }
            Self::Done { generation, .. } => write!(f, "generation {generation} runs"),
            Self::Failed { message } => f.write_str(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;
    use tagger_api::workload::Kind;

    fn image(number: i64) -> String {
        format!("a/b@sha256:{number:064x}")
    }

    fn tag(status: Value) -> Tag {
        let one = |number: i64| json!({ "generation": number, "from": "a/b", "importedAt": "2026-01-01T00:00:00Z", "imageReference": image(number) });
        let mut all = json!({ "observedGeneration": 2, "references": [one(1), one(0)], "conditions": [told("Ready", "True")] });
        all.as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": "myapp" }, "spec": { "from": "a/b" }, "status": all,
        }))
        .unwrap()
    }

    fn told(kind: &str, status: &str) -> Value {
        json!({ "type": kind, "status": status, "reason": "Word", "message": "why", "lastTransitionTime": "2026-01-01T00:00:00Z" })
    }

    fn workload(number: i64, ready: i64) -> Workload {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "web", "generation": 1,
                "annotations": { "image-tag": "true", "images.io/follows": json!({ "app": { "tag": "myapp", "image": image(number) } }).to_string() },
            },
            "spec": { "replicas": 2 },
            "status": { "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": ready },
        });
        Workload::read(Kind::Deployment, &serde_json::from_value(object).unwrap()).unwrap()
    }

    const WANTED: Wanted = Wanted { generation: Some(1), version: Some(2), failed_before: None };

    #[rstest]
    #[case::not_seen_yet(json!({ "observedGeneration": 1, "generation": 0 }), "the registry is asked")]
    #[case::not_there_yet(json!({ "generation": 0 }), "the registry is asked")]
    #[case::stalled(json!({ "generation": 0, "conditions": [told("Stalled", "True")] }), "why")]
    #[case::failed(
        json!({ "generation": 0, "lastImportAttempt": { "when": "2026-01-01T00:00:00Z", "succeed": false, "reason": "not found" } }),
        "not found"
    )]
    #[case::not_rolled_out(json!({ "generation": 1 }), "generation 1 is published, and not rolled out yet: deployment/web")]
    fn a_tag_is_on_its_way(#[case] status: Value, #[case] said: &str) {
        assert_eq!(phase(&tag(status), &[workload(0, 2)], &WANTED).to_string(), said);
    }

    #[rstest]
    #[case::all_run_it(workload(1, 2), true)]
    #[case::one_pod_is_not_ready(workload(1, 1), false)]
    #[case::it_runs_the_old_one(workload(0, 2), false)]
    fn it_is_done_when_the_workloads_run_it(#[case] workload: Workload, #[case] done: bool) {
        let phase = phase(&tag(json!({ "generation": 1 })), &[workload], &WANTED);
        assert_eq!(matches!(phase, Phase::Done { generation: 1, .. }), done, "{phase:?}");
    }

    #[test]
    fn a_failure_that_was_there_before_is_not_this_ones() {
        let attempt = json!({ "when": "2026-01-01T00:00:00Z", "succeed": false, "reason": "not found" });
        let before = Wanted { failed_before: Some("2026-01-01T00:00:00Z".parse().unwrap()), ..WANTED };
        let tag = tag(json!({ "generation": 0, "lastImportAttempt": attempt }));
        assert_eq!(phase(&tag, &[], &before), Phase::Resolving);
    }

    #[test]
    fn a_tag_whose_generation_nobody_names_is_done_with_any() {
        let any = Wanted { generation: None, ..WANTED };
        assert!(matches!(phase(&tag(json!({ "generation": 1 })), &[], &any), Phase::Done { .. }));
        assert!(matches!(
            phase(&tag(json!({ "generation": null, "references": [] })), &[], &any),
            Phase::Resolving
        ));
    }
}
