//! What a workload that is stored still lacks. Pure.

use tagger_api::annotations::Targets;
use tagger_api::index::TagIndex;
use tagger_api::workload::Kind;
use tagger_core::rewrite::{Change, Known, placeholder, rewrite};

use super::object::Workload;
use crate::suspended::Suspended;

/// The references that a workload is to be rolled out to: of each Tag that it should run and does not. Empty where it is as it
/// should be.
///
/// A Job or a bare Pod that has an image keeps it, and so does what follows a suspended Tag. What bears a Tag's name was
/// stored while admission was away, and a placeholder runs nothing: these are always put right.
pub(crate) fn targets(kind: Kind, workload: &Workload, index: &TagIndex, suspended: &Suspended) -> Targets {
    let namespace = workload.metadata.namespace.as_deref().unwrap_or_default();
    let mut follows = workload.follows();
    follows.retain(|_, follow| {
        let waits = follow.image == placeholder(namespace, &follow.tag);
        kind.rolls_out() && (waits || !suspended.contains(namespace, &follow.tag))
    });
    index.read(namespace, |tags| {
        let known = |tag: &str| tags.known(tag);
        let rewritten = rewrite(namespace, &workload.slots, &follows, Change::Stored, known);
        let moved = rewritten.images.keys().filter_map(|slot| rewritten.follows.get(slot));
        moved
            .filter(|follow| follow.image != placeholder(namespace, &follow.tag))
            .filter(|follow| matches!(tags.known(&follow.tag), Known::Current(_)))
            .map(|follow| (follow.tag.clone(), follow.image.clone()))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    const OLD: &str = "quay.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000";
    const NEW: &str = "quay.io/a/b@sha256:1111111111111111111111111111111111111111111111111111111111111111";

    fn workload(image: &str, written: Option<&str>) -> Workload {
        let record = written.map(|image| json!({ "app": { "tag": "myapp", "image": image } }).to_string());
        serde_json::from_value(json!({
            "metadata": { "name": "w", "namespace": "dev", "annotations": { "image-tag": "true", "images.io/follows": record.unwrap_or("{}".into()) } },
            "spec": { "containers": [{ "name": "app", "image": image }] },
        }))
        .unwrap()
    }

    #[rstest]
    #[case::behind(Kind::Deployment, OLD, Some(OLD), Some(NEW), true)]
    #[case::there(Kind::Deployment, NEW, Some(NEW), Some(NEW), false)]
    #[case::named_while_admission_was_away(Kind::Deployment, "myapp", None, Some(NEW), true)]
    #[case::named_and_still_pending(Kind::Deployment, "myapp", None, None, false)]
    #[case::pending_no_more(
        Kind::Deployment,
        "tag.invalid/dev/myapp:pending",
        Some("tag.invalid/dev/myapp:pending"),
        Some(NEW),
        true
    )]
    #[case::detached(Kind::Deployment, OLD, None, Some(NEW), false)]
    #[case::changed_while_admission_was_away(Kind::Deployment, "nginx:1", Some(OLD), Some(NEW), false)]
    #[case::a_pod_keeps_its_image(Kind::Pod, OLD, Some(OLD), Some(NEW), false)]
    #[case::a_pod_that_names_a_tag_is_repaired(Kind::Pod, "myapp", None, Some(NEW), true)]
    #[case::a_job_that_names_a_tag_is_seen(Kind::Job, "myapp", None, Some(NEW), true)]
    fn a_workload_needs_a_roll_out_when(
        #[case] kind: Kind,
        #[case] image: &str,
        #[case] written: Option<&str>,
        #[case] current: Option<&str>,
        #[case] needed: bool,
    ) {
        let index = TagIndex::default();
        index.set("dev", "myapp", current);
        let targets = targets(kind, &workload(image, written), &index, &Suspended::default());
        let expected = needed.then(|| ("myapp".to_owned(), NEW.to_owned()));
        assert_eq!(targets, expected.into_iter().collect());
    }

    #[rstest]
    #[case::one_that_runs_stays(OLD, Some(OLD), false)]
    #[case::one_that_waits_gets_its_image(
        "tag.invalid/dev/myapp:pending",
        Some("tag.invalid/dev/myapp:pending"),
        true
    )]
    #[case::one_that_names_the_tag_is_repaired("myapp", None, true)]
    fn nothing_that_runs_is_rolled_out_while_its_tag_is_suspended(
        #[case] image: &str,
        #[case] written: Option<&str>,
        #[case] needed: bool,
    ) {
        let (index, suspended) = (TagIndex::default(), Suspended::default());
        index.set("dev", "myapp", Some(NEW));
        suspended.set("dev", "myapp", true);
        let targets = targets(Kind::Deployment, &workload(image, written), &index, &suspended);
        assert_eq!(!targets.is_empty(), needed);
    }
}
