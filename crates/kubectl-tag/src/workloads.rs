//! The workloads of a cluster that are annotated to follow Tags, as far as commands need them.

use futures::future::try_join_all;
use kube::Api;
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use tagger_api::annotations::{Mode, follows};
use tagger_api::workload::Kind;
use tagger_core::rewrite::{Follow, Follows, Slot};

use crate::problem::Problem;
use crate::session::Cluster;

/// How many objects are read at once.
const PAGE: u32 = 500;

/// A workload that is annotated, and that no controller made.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Which of its containers follows which Tag, and the image that was written for it.
    pub(crate) follows: Follows,
    /// Its images as they are.
    pub(crate) slots: Vec<Slot>,
    pub(crate) readiness: Readiness,
}

/// How far a workload has rolled out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// How many Pods it wants; none for a kind that keeps no Pods running.
    pub(crate) wanted: Option<i64>,
    /// How many are of its template as it is.
    pub(crate) updated: i64,
    /// How many of all are ready.
    pub(crate) ready: i64,
    /// How many there are.
    pub(crate) there: i64,
    /// Whether its controller has seen it as it is.
    pub(crate) is_observed: bool,
}

impl Readiness {
    /// Whether everything runs as the template says.
    pub(crate) fn is_complete(self) -> bool {
        let Some(wanted) = self.wanted else { return true };
        self.is_observed
            && self.updated >= wanted
            && self.ready >= wanted
            && self.there <= wanted.max(self.updated)
    }

    fn of(kind: Kind, object: &Value) -> Self {
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
        let status = |field: &str| number(&format!("/status/{field}")).unwrap_or_default();
        let is_observed = number("/status/observedGeneration") >= number("/metadata/generation");
        let (wanted, updated, ready, there) = match kind {
            Kind::Deployment | Kind::StatefulSet => (
                Some(number("/spec/replicas").unwrap_or(1)),
                status("updatedReplicas"),
                status("readyReplicas"),
                status("replicas"),
            ),
            Kind::ReplicaSet => (
                Some(number("/spec/replicas").unwrap_or(1)),
                status("replicas"),
                status("readyReplicas"),
                status("replicas"),
            ),
            Kind::DaemonSet => (
                Some(status("desiredNumberScheduled")),
                status("updatedNumberScheduled"),
                status("numberReady"),
                status("currentNumberScheduled"),
            ),
            Kind::CronJob | Kind::Job | Kind::Pod => (None, 0, 0, 0),
        };
        Self { wanted, updated, ready, there, is_observed }
    }
}

impl Workload {
    /// The name as kubectl takes it: `deployment/myapp`.
    pub(crate) fn label(&self) -> String {
        format!("{}/{}", self.kind.names().1.to_lowercase(), self.name)
    }

    /// What of it follows a Tag, by the container.
    pub(crate) fn following<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = (&'a String, &'a Follow)> {
        self.follows.iter().filter(move |(_, follow)| follow.tag == tag)
    }

    /// Reads an object. None for one that is not annotated, or that a controller made.
    pub(crate) fn read(kind: Kind, object: &DynamicObject) -> Option<Self> {
        Mode::of(object.metadata.annotations.as_ref())?;
        let is_made = object.owner_references().iter().any(|owner| owner.controller == Some(true));
        if kind.is_made_by_controllers() && is_made {
            return None;
        }
        let value = serde_json::to_value(object).unwrap_or_default();
        Some(Self {
            kind,
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            follows: follows(object.metadata.annotations.as_ref()),
            slots: kind.places(&value).into_iter().map(|place| place.slot).collect(),
            readiness: Readiness::of(kind, &value),
        })
    }
}

/// The annotated workloads of a namespace, or of all, by namespace, kind and name.
pub(crate) async fn annotated(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<Workload>, Problem> {
    let kinds = Kind::ALL.map(|kind| list(cluster, kind, namespace));
    let mut workloads = try_join_all(kinds).await?.concat();
    workloads.sort_by(|a, b| (&a.namespace, a.kind, &a.name).cmp(&(&b.namespace, b.kind, &b.name)));
    Ok(workloads)
}

/// How the objects of a kind are asked for, in the versions in which a server may have them, the newest first.
pub(crate) fn versions(kind: Kind) -> Vec<ApiResource> {
    let (group, name, plural) = kind.names();
    let of = |version: &str| {
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, name), plural)
    };
    match kind {
        // Before Kubernetes 1.21 it is not in v1.
        Kind::CronJob => vec![of("v1"), of("v1beta1")],
        _ => vec![of("v1")],
    }
}

/// The objects of a kind. One that the server does not have under any version has none.
async fn list(cluster: &Cluster, kind: Kind, namespace: Option<&str>) -> Result<Vec<Workload>, Problem> {
    for resource in versions(kind) {
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(cluster.client.clone(), namespace, &resource),
            None => Api::all_with(cluster.client.clone(), &resource),
        };
        match pages(&api).await {
            Ok(objects) => {
                return Ok(objects.iter().filter_map(|object| Workload::read(kind, object)).collect());
            }
            Err(kube::Error::Api(refused)) if refused.is_not_found() => {}
            Err(error) => {
                return Err(cluster.told(&format!("list {}", kind.names().2), namespace, error));
            }
        }
    }
    Ok(Vec::new())
}

async fn pages(api: &Api<DynamicObject>) -> Result<Vec<DynamicObject>, kube::Error> {
    let mut page = ListParams::default().limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let list = api.list(&page).await?;
        objects.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(objects),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn object(owner: Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": "myapp", "namespace": "dev", "generation": 2, "ownerReferences": owner,
                "annotations": {
                    "image-tag": "true", "images.io/follows": r#"{"app":{"tag":"myapp-devel","image":"a@b"}}"#,
                },
            },
            "spec": { "template": { "spec": { "containers": [{ "name": "app", "image": "a@b" }] } } },
        }))
        .unwrap()
    }

    #[test]
    fn a_workload_is_read_with_what_it_follows() {
        let read = Workload::read(Kind::ReplicaSet, &object(json!([]))).unwrap();
        assert_eq!((read.label().as_str(), read.following("myapp-devel").count()), ("replicaset/myapp", 1));
        assert_eq!(read.slots[0].image, "a@b");
    }

    #[test]
    fn what_a_controller_made_is_that_controllers_business() {
        let owner = json!([{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "a", "uid": "b", "controller": true }]);
        assert!(Workload::read(Kind::ReplicaSet, &object(owner)).is_none());
    }

    #[rstest]
    #[case::all_there(json!({ "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2 }), true)]
    #[case::an_old_one_left(json!({ "observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "readyReplicas": 3 }), false)]
    #[case::not_ready(json!({ "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 1 }), false)]
    #[case::not_seen_yet(json!({ "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2 }), false)]
    #[case::nothing_yet(json!({}), false)]
    fn a_roll_out_is_complete_when_all_pods_are_new_and_ready(#[case] status: Value, #[case] complete: bool) {
        let object = json!({ "metadata": { "generation": 2 }, "spec": { "replicas": 2 }, "status": status });
        assert_eq!(Readiness::of(Kind::Deployment, &object).is_complete(), complete);
    }
}
