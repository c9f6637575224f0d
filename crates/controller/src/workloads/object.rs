//! A workload as the controller keeps it: its name, its record, its images, and nothing else.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::Resource;
use kube::core::DynamicResourceScope;
use serde::{Deserialize, Deserializer};
use tagger_api::annotations::{self, FIELD_MANAGER, FOLLOWS, IMAGE_TAG, Mode};
use tagger_api::workload::{Kind, PodSpec};
use tagger_core::rewrite::{Follows, Slot};

/// A workload of any kind, decoded to what rewriting needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Workload {
    pub(crate) metadata: ObjectMeta,
    /// Whether another controller made it.
    pub(crate) is_controlled: bool,
    /// Whether the server notes us as the manager of a part of its specification.
    pub(crate) is_ours_in_part: bool,
    /// Its images.
    pub(crate) slots: Vec<Slot>,
}

/// A kind of workload in the version that the API server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Served {
    pub(crate) kind: Kind,
    pub(crate) version: &'static str,
}

impl Workload {
    /// The workload's record of what follows what.
    pub(crate) fn follows(&self) -> Follows {
        annotations::follows(self.metadata.annotations.as_ref())
    }

    /// Whether it follows a Tag: there is a record only while it does.
    pub(crate) fn is_attached(&self) -> bool {
        self.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(FOLLOWS))
    }

    /// Whether people asked for its images to be governed.
    pub(crate) fn is_annotated(&self) -> bool {
        Mode::of(self.metadata.annotations.as_ref()).is_some()
    }

    /// The Tags that it follows or names.
    pub(crate) fn tags(&self) -> Vec<String> {
        let named = self.slots.iter().map(|slot| slot.image.clone());
        let names = named.filter(|image| !image.contains(['/', ':', '@']));
        self.follows().into_values().map(|follow| follow.tag).chain(names).collect()
    }
}

/// Whether an entry of `managedFields` says that we manage a part of the specification.
pub(super) fn is_our_spec(entry: &ManagedFieldsEntry) -> bool {
    let fields = entry.fields_v1.as_ref();
    entry.manager.as_deref() == Some(FIELD_MANAGER)
        && fields.is_some_and(|fields| fields.0.get("f:spec").is_some())
}

impl<'de> Deserialize<'de> for Workload {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Raw { metadata, spec } = Raw::deserialize(from)?;
        let owners = metadata.owner_references.as_deref().unwrap_or_default();
        let is_controlled = owners.iter().any(|owner| owner.controller == Some(true));
        let managers = metadata.managed_fields.as_deref().unwrap_or_default();
        let is_ours_in_part = managers.iter().any(is_our_spec);
        let slots = spec.into_pod_spec().places("").into_iter().map(|place| place.slot).collect();
        let read_later = |annotations: BTreeMap<String, String>| -> BTreeMap<String, String> {
            annotations
                .into_iter()
                .filter(|(name, _)| [IMAGE_TAG, FOLLOWS].contains(&name.as_str()))
                .collect()
        };
        let metadata = ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            deletion_timestamp: metadata.deletion_timestamp,
            annotations: metadata.annotations.map(read_later).filter(|kept| !kept.is_empty()),
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, is_controlled, is_ours_in_part, slots })
    }
}

#[derive(Deserialize)]
struct Raw {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
}

/// The specification of any kind: a CronJob's has a Job's, a workload's has a template, a Pod's is one.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    job_template: Option<Box<Nested>>,
    template: Option<Box<Nested>>,
    #[serde(flatten)]
    pod: PodSpec,
}

#[derive(Deserialize)]
struct Nested {
    #[serde(default)]
    spec: Spec,
}

impl Spec {
    fn into_pod_spec(self) -> PodSpec {
        match self.job_template.or(self.template) {
            Some(nested) => nested.spec.into_pod_spec(),
            None => self.pod,
        }
    }
}

impl Resource for Workload {
    type DynamicType = Served;
    type Scope = DynamicResourceScope;

    fn kind(served: &Served) -> Cow<'_, str> {
        served.kind.names().1.into()
    }

    fn group(served: &Served) -> Cow<'_, str> {
        served.kind.names().0.into()
    }

    fn version(served: &Served) -> Cow<'_, str> {
        served.version.into()
    }

    fn plural(served: &Served) -> Cow<'_, str> {
        served.kind.names().2.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn workload(spec: Value) -> Workload {
        let metadata = json!({
            "name": "myapp", "namespace": "dev", "labels": { "a": "b" }, "managedFields": [{ "manager": "x" }],
            "annotations": { "image-tag": "true", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
        });
        serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap()
    }

    #[test]
    fn every_shape_of_specification_is_read() {
        let pod = json!({ "containers": [{ "name": "app", "image": "myapp", "env": [] }], "nodeName": "n" });
        let template = json!({ "replicas": 1, "template": { "metadata": {}, "spec": pod } });
        let cron = json!({ "schedule": "* * * * *", "jobTemplate": { "spec": template } });
        for spec in [pod, template, cron] {
            assert_eq!(workload(spec).slots, [Slot { name: "app".into(), image: "myapp".into() }]);
        }
    }

    #[test]
    fn only_what_rewriting_needs_is_kept() {
        let workload = workload(json!({ "containers": [] }));
        assert!(workload.is_annotated() && !workload.is_controlled);
        assert_eq!(workload.metadata.annotations.unwrap().len(), 1);
        assert!(workload.metadata.managed_fields.is_none() && workload.metadata.labels.is_none());
    }
}
