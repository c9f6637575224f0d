//! A roll-out: a touch that admission completes, and the way back when admission is away.
//!
//! The controller writes one annotation of its own, which holds the references; admission, asked about that update, rewrites
//! the images in the same request. So the `image` fields stay owned by whoever applied them. Where the touched object
//! comes back unwritten, admission was away: then the controller writes the images itself, and, when it sees that the server notes it as
//! the manager of them, takes that note out, or the next `kubectl apply --server-side` of somebody else would be a conflict.

use std::time::Duration;

use kube::api::{DynamicObject, ObjectMeta, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tagger_api::annotations::{FIELD_MANAGER, FOLLOWS, ROLLOUT, Targets};
use tagger_api::workload::{Kind, Place};
use tagger_core::rewrite::{Change, Follows, Known, Slot, rewrite};

use super::object::{Served, Workload, is_our_spec};

/// Why a workload could not be rolled out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The touch was refused.
    #[error("the workload could not be touched: {0}")]
    Touch(#[source] kube::Error),
    /// The images could not be written in place of admission.
    #[error("the images could not be written: {0}")]
    Write(#[source] kube::Error),
    /// The ownership of the images could not be given back.
    #[error("the ownership of the images could not be given back: {0}")]
    GiveBack(#[source] kube::Error),
    /// The API server hangs.
    #[error("the API server did not answer within {LONGEST:?}")]
    TooSlow,
    /// The API server's answer is no workload.
    #[error("the API server answered with an object that can't be read: {0}")]
    Answer(#[source] serde_json::Error),
}

impl Error {
    /// Whether the API server said no, and not that it can't now.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Touch(error) | Self::Write(error) | Self::GiveBack(error) => {
                let kube::Error::Api(refused) = error else { return false };
                (400..500).contains(&refused.code) && refused.code != 429
            }
            Self::TooSlow | Self::Answer(_) => false,
        }
    }
}

/// How long a roll-out may take: three calls, each with the webhooks of the cluster in it.
const LONGEST: Duration = Duration::from_secs(60);

/// The field manager of what gives fields back.
const GIVES_BACK: &str = "tagger-gives-back";

/// Who completed a roll-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Admission, in the request that touched the workload.
    Admission,
    /// The controller, since admission was away.
    Controller,
    /// Nobody: there was nothing to do any more, or the workload is gone.
    Nobody,
}

/// Rolls a workload out to these references.
pub(crate) async fn roll_out(
    client: &Client,
    served: Served,
    workload: &Workload,
    targets: &Targets,
) -> Result<By, Error> {
    let written = tokio::time::timeout(LONGEST, touch_and_see(client, served, workload, targets));
    written.await.unwrap_or(Err(Error::TooSlow))
}

async fn touch_and_see(
    client: &Client,
    served: Served,
    workload: &Workload,
    targets: &Targets,
) -> Result<By, Error> {
    let api = objects(client, served, workload);
    let name = workload.name_any();
    let touched = match api.patch(&name, &params(), &Patch::Merge(touch(workload, targets))).await {
        Ok(touched) => touched,
        // It is gone, or is another one by the same name: the watch tells of it.
        Err(kube::Error::Api(refused)) if refused.is_not_found() || refused.is_conflict() => {
            return Ok(By::Nobody);
        }
        Err(error) => return Err(Error::Touch(error)),
    };
    let object = serde_json::to_value(&touched).map_err(Error::Answer)?;
    let Some(patch) = unwritten(served.kind, &object, targets) else { return Ok(By::Admission) };
    match api.patch(&name, &params(), &Patch::Json::<()>(patch)).await {
        Ok(_) => Ok(By::Controller),
        Err(kube::Error::Api(refused)) if refused.is_not_found() || refused.is_conflict() => Ok(By::Nobody),
        Err(error) => Err(Error::Write(error)),
    }
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// The touch: bound to this very object, and to the version of it that was seen. One that was long on its way, from a leader that leads
/// no more, would else take the workload back to what it should have been then.
fn touch(workload: &Workload, targets: &Targets) -> Value {
    let targets = json!(targets).to_string();
    let ObjectMeta { uid, resource_version, .. } = &workload.metadata;
    json!({ "metadata": { "uid": uid, "resourceVersion": resource_version, "annotations": { ROLLOUT: targets } } })
}

/// The patch that does what admission did not: only over the version that was seen.
fn unwritten(kind: Kind, object: &Value, targets: &Targets) -> Option<json_patch::Patch> {
    let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object);
    let follows: Follows = annotations
        .and_then(|annotations| annotations.get(FOLLOWS)?.as_str())
        .and_then(|record| serde_json::from_str(record).ok())
        .unwrap_or_default();
    let places = kind.places(object);
    let slots: Vec<Slot> = places.iter().map(|place| place.slot.clone()).collect();
    let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    let known = |tag: &str| targets.get(tag).map_or(Known::Unknown, |reference| Known::Current(reference));
    let rewritten = rewrite(namespace, &slots, &follows, Change::Stored, known);
    if rewritten.images.is_empty() {
        return None;
    }
    let image = |place: &Place| {
        let image = rewritten.images.get(&place.slot.name)?;
        Some(json!({ "op": "replace", "path": place.pointer, "value": image }))
    };
    let version = object.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
    let record = json!(rewritten.follows).to_string();
    let first = json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": version });
    let last = json!({ "op": "add", "path": "/metadata/annotations/images.io~1follows", "value": record });
    let operations: Vec<Value> =
        std::iter::once(first).chain(places.iter().filter_map(image)).chain(std::iter::once(last)).collect();
    serde_json::from_value(Value::Array(operations)).ok()
}

/// Takes the entries of our writes to the specification out of `managedFields`: the fields then belong to nobody, and the next apply
/// takes them without a conflict. Where somebody writes at the same time, the watch tells of it, and it is tried again then.
pub(crate) async fn give_back(client: &Client, served: Served, workload: &Workload) -> Result<(), Error> {
    tokio::time::timeout(LONGEST, forget_us(client, served, workload)).await.unwrap_or(Err(Error::TooSlow))
}

async fn forget_us(client: &Client, served: Served, workload: &Workload) -> Result<(), Error> {
    let api = objects(client, served, workload);
    let Some(stored) = api.get_opt(&workload.name_any()).await.map_err(Error::GiveBack)? else {
        return Ok(());
    };
    let entries = stored.managed_fields();
    let others: Vec<_> = entries.iter().filter(|entry| !is_our_spec(entry)).collect();
    if others.len() == entries.len() {
        return Ok(());
    }
    let patch = json!([
        { "op": "replace", "path": "/metadata/resourceVersion", "value": stored.resource_version() },
        { "op": "replace", "path": "/metadata/managedFields", "value": others },
    ]);
    let patch: json_patch::Patch = serde_json::from_value(patch).map_err(Error::Answer)?;
    // By another name: admission takes what comes by our own for a touch, and this brings no references.
    let params = PatchParams { field_manager: Some(GIVES_BACK.to_owned()), ..PatchParams::default() };
    match api.patch(&workload.name_any(), &params, &Patch::Json::<()>(patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(refused)) if refused.is_not_found() || refused.is_conflict() => Ok(()),
        Err(error) => Err(Error::GiveBack(error)),
    }
}

fn objects(client: &Client, served: Served, workload: &Workload) -> Api<DynamicObject> {
    let namespace = workload.namespace().unwrap_or_default();
    Api::namespaced_with(client.clone(), &namespace, &ApiResource::erase::<Workload>(&served))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(image: &str) -> Value {
        json!({
            "metadata": { "name": "myapp", "namespace": "dev", "resourceVersion": "7", "annotations": {
                "image-tag": "true",
                "images.io/follows": json!({ "app": { "tag": "myapp", "image": "old@sha256:0" } }).to_string(),
            } },
            "spec": { "template": { "spec": { "containers": [{ "name": "app", "image": image }] } } },
        })
    }

    fn targets() -> Targets {
        [("myapp".to_owned(), "new@sha256:1".to_owned())].into()
    }

    #[test]
    fn what_admission_wrote_is_not_written_again() {
        let mut written = object("new@sha256:1");
        written["metadata"]["annotations"]["images.io/follows"] =
            json!(json!({ "app": { "tag": "myapp", "image": "new@sha256:1" } }).to_string());
        assert!(unwritten(Kind::Deployment, &written, &targets()).is_none());
    }

    #[test]
    fn what_admission_left_is_written_with_its_record_over_the_version_that_was_seen() {
        let mut left = object("old@sha256:0");
        let patch = unwritten(Kind::Deployment, &left, &targets()).unwrap();
        assert_eq!(
            json!(patch)[0],
            json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": "7" })
        );
        json_patch::patch(&mut left, &patch).unwrap();
        assert_eq!(left.pointer("/spec/template/spec/containers/0/image"), Some(&json!("new@sha256:1")));
        assert!(unwritten(Kind::Deployment, &left, &targets()).is_none());
    }

    #[test]
    fn a_person_s_image_is_not_written_over() {
        assert!(unwritten(Kind::Deployment, &object("docker.io/library/nginx:1"), &targets()).is_none());
    }
}
