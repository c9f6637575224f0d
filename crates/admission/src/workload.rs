//! The workload that a request is about, read once and no further than its images and its annotations.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tagger_api::annotations::{self, FIELD_MANAGER, FOLLOWS, Mode, Targets};
use tagger_api::workload::{Kind, Place, PodSpec};
use tagger_core::rewrite::{Follow, Follows, Slot};

use crate::review::{Request, Verb};

/// A namespace that no webhook should have a say in.
pub const KUBE_SYSTEM: &str = "kube-system";

/// A workload whose images Tagger has a say in, as it is asked for.
#[derive(Debug)]
pub struct Workload {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name, or the beginning of it where the API server is still to make one.
    pub name: String,
    /// How far its images are governed.
    pub mode: Mode,
    /// Its images.
    pub places: Vec<Place>,
    /// The record that it bears, and whether there is an annotation for it at all.
    pub record: Option<Follows>,
    /// How it came to be as it is asked for.
    pub origin: Origin,
}

/// How a workload came to be as it is asked for.
#[derive(Debug)]
pub enum Origin {
    /// Somebody makes it.
    Created,
    /// Somebody changes it; this is how it was.
    Updated(Before),
    /// Tagger itself touches it, and brings the references that it is to have.
    Touched {
        /// How it was.
        before: Before,
        /// The references, by the name of the Tag.
        targets: Targets,
    },
}

/// A workload as it was before it was changed.
#[derive(Debug, Default)]
pub struct Before {
    /// Its images.
    pub slots: Vec<Slot>,
    /// Its record, where Tagger had a say in it then.
    pub follows: Follows,
}

impl Before {
    /// Whether a slot had this image already.
    pub fn had(&self, slot: &Slot) -> bool {
        self.slots.contains(slot)
    }

    /// What a slot followed, where it had the image that was written for it.
    pub fn followed(&self, name: &str) -> Option<&Follow> {
        let old = self.slots.iter().find(|old| old.name == name)?;
        self.follows.get(name).filter(|follow| follow.image == old.image)
    }
}

impl Workload {
    /// Reads the workload of a request, or nothing where the request is none of Tagger's business. An object that has
    /// not the shape of the Kubernetes API is nobody's business: the API server refuses it by itself.
    pub fn of(request: &Request<'_>, own_namespace: &str) -> Option<Self> {
        if request.operation == Verb::Other
            || request.sub_resource.as_deref().is_some_and(|part| !part.is_empty())
        {
            return None;
        }
        let namespace = request.namespace.as_deref().filter(|namespace| !namespace.is_empty())?;
        if [own_namespace, KUBE_SYSTEM].contains(&namespace) {
            return None;
        }
        let kind = Kind::named(&request.kind.group, &request.kind.kind)?;
        let Object { metadata, spec } = Object::read(kind, request.object?)?;
        let mode = Mode::of(metadata.annotations.as_ref())?;
        if kind.is_made_by_controllers() && metadata.has_controller() {
            return None;
        }
        let origin = Origin::of(request, kind, &metadata)?;
        let annotations = metadata.annotations.as_ref();
        let has_record = annotations.is_some_and(|annotations| annotations.contains_key(FOLLOWS));
        let record = has_record.then(|| annotations::follows(annotations));
        let name = [request.name.as_deref(), metadata.name.as_deref(), metadata.generate_name.as_deref()];
        let name = name.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default().to_owned();
        let places = spec.places(kind.pod_spec());
        Some(Self { kind, namespace: namespace.to_owned(), name, mode, places, record, origin })
    }

    /// How the workload was, where it is not new.
    pub fn before(&self) -> Option<&Before> {
        match &self.origin {
            Origin::Created => None,
            Origin::Updated(before) | Origin::Touched { before, .. } => Some(before),
        }
    }
}

impl Origin {
    fn of(request: &Request<'_>, kind: Kind, metadata: &Metadata) -> Option<Self> {
        if request.operation == Verb::Create {
            return Some(Self::Created);
        }
        let old = Object::read(kind, request.old_object?)?;
        let annotations = old.metadata.annotations.as_ref();
        let before = Before {
            slots: old.spec.places(kind.pod_spec()).into_iter().map(|place| place.slot).collect(),
            follows: Mode::of(annotations).map(|_| annotations::follows(annotations)).unwrap_or_default(),
        };
        let manager = request.options.as_ref().and_then(|options| options.field_manager.as_deref());
        Some(match manager == Some(FIELD_MANAGER) {
            true => Self::Touched { before, targets: annotations::targets(metadata.annotations.as_ref()) },
            false => Self::Updated(before),
        })
    }
}

/// The part of an object that is read.
#[derive(Debug, Deserialize)]
struct Object<S> {
    metadata: Metadata,
    spec: S,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    generate_name: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<Owner>>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    controller: Option<bool>,
}

/// The specification of a Deployment and its like, and of a Job.
#[derive(Deserialize)]
struct Templated {
    template: Template,
}

#[derive(Deserialize)]
struct Template {
    spec: PodSpec,
}

/// The specification of a CronJob.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scheduled {
    job_template: JobTemplate,
}

#[derive(Deserialize)]
struct JobTemplate {
    spec: Templated,
}

impl Metadata {
    fn has_controller(&self) -> bool {
        self.owner_references.iter().flatten().any(|owner| owner.controller == Some(true))
    }
}

impl Object<PodSpec> {
    fn read(kind: Kind, object: &RawValue) -> Option<Self> {
        match kind {
            Kind::Pod => decode(object, |spec: PodSpec| spec),
            Kind::CronJob => decode(object, |spec: Scheduled| spec.job_template.spec.template.spec),
            _ => decode(object, |spec: Templated| spec.template.spec),
        }
    }
}

fn decode<S: DeserializeOwned>(object: &RawValue, pods: impl Fn(S) -> PodSpec) -> Option<Object<PodSpec>> {
    let Object { metadata, spec } = serde_json::from_str(object.get()).ok()?;
    Some(Object { metadata, spec: pods(spec) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn pod_spec() -> Value {
        json!({ "containers": [{ "name": "app", "image": "myapp" }] })
    }

    fn spec(kind: Kind) -> Value {
        match kind {
            Kind::Pod => pod_spec(),
            Kind::CronJob => json!({ "jobTemplate": { "spec": { "template": { "spec": pod_spec() } } } }),
            _ => json!({ "template": { "spec": pod_spec() } }),
        }
    }

    fn request(kind: Kind, change: impl FnOnce(&mut Value)) -> Value {
        let (group, name, _) = kind.names();
        let mut request = json!({
            "uid": "1",
            "kind": { "group": group, "version": "v1", "kind": name },
            "operation": "CREATE",
            "namespace": "dev",
            "object": {
                "metadata": { "name": "web", "annotations": { "image-tag": "true" } },
                "spec": spec(kind),
            },
        });
        change(&mut request);
        request
    }

    fn read(request: &Value) -> Option<Workload> {
        let text = request.to_string();
        Workload::of(&serde_json::from_str(&text).unwrap(), "tagger-system")
    }

    #[rstest]
    fn every_kind_is_read(
        #[values(
            Kind::Deployment,
            Kind::StatefulSet,
            Kind::DaemonSet,
            Kind::ReplicaSet,
            Kind::CronJob,
            Kind::Job,
            Kind::Pod
        )]
        kind: Kind,
    ) {
        let request = request(kind, |_| {});
        let workload = read(&request).unwrap();
        assert_eq!((workload.kind, workload.name.as_str(), workload.mode), (kind, "web", Mode::Tags));
        assert_eq!(workload.places, kind.places(&request["object"]), "it agrees with the kind's own reading");
        assert_eq!(workload.places.len(), 1);
    }

    #[rstest]
    #[case::without_the_annotation(|it: &mut Value| it["object"]["metadata"]["annotations"] = json!({}))]
    #[case::without_annotations(|it: &mut Value| it["object"]["metadata"]["annotations"] = json!(null))]
    #[case::with_another_value(|it: &mut Value| it["object"]["metadata"]["annotations"]["image-tag"] = json!("yes"))]
    #[case::in_the_own_namespace(|it: &mut Value| it["namespace"] = json!("tagger-system"))]
    #[case::in_kube_system(|it: &mut Value| it["namespace"] = json!("kube-system"))]
    #[case::without_a_namespace(|it: &mut Value| it["namespace"] = json!(null))]
    #[case::of_another_group(|it: &mut Value| it["kind"]["group"] = json!("example.com"))]
    #[case::of_an_unknown_kind(|it: &mut Value| it["kind"]["kind"] = json!("Gadget"))]
    #[case::of_a_subresource(|it: &mut Value| it["subResource"] = json!("scale"))]
    #[case::being_deleted(|it: &mut Value| it["operation"] = json!("DELETE"))]
    #[case::being_connected_to(|it: &mut Value| it["operation"] = json!("CONNECT"))]
    #[case::without_an_object(|it: &mut Value| it["object"] = json!(null))]
    #[case::that_is_a_number(|it: &mut Value| it["object"] = json!(5))]
    #[case::without_a_spec(|it: &mut Value| it["object"]["spec"] = json!(null))]
    #[case::whose_containers_are_a_text(|it: &mut Value| it["object"]["spec"]["template"]["spec"]["containers"] = json!("x"))]
    #[case::whose_annotations_are_a_list(|it: &mut Value| it["object"]["metadata"]["annotations"] = json!([1]))]
    fn an_object_is_left_alone(#[case] change: fn(&mut Value)) {
        assert!(read(&request(Kind::Deployment, change)).is_none());
    }

    #[rstest]
    #[case::a_pod_of_a_replica_set(Kind::Pod, true, false)]
    #[case::a_job_of_a_cron_job(Kind::Job, true, false)]
    #[case::a_replica_set_of_a_deployment(Kind::ReplicaSet, true, false)]
    #[case::a_pod_that_something_else_owns(Kind::Pod, false, true)]
    #[case::a_deployment_of_an_operator(Kind::Deployment, true, true)]
    fn what_a_controller_made_is_its_own_business(
        #[case] kind: Kind,
        #[case] controller: bool,
        #[case] read_it: bool,
    ) {
        let owner = json!([{ "apiVersion": "v1", "kind": "Owner", "name": "a", "uid": "1", "controller": controller }]);
        let request = request(kind, |it| it["object"]["metadata"]["ownerReferences"] = owner);
        assert_eq!(read(&request).is_some(), read_it);
    }

    fn update(annotated: bool) -> Value {
        request(Kind::Deployment, |it| {
            let record = r#"{"app":{"tag":"myapp","image":"myapp"}}"#;
            it["operation"] = json!("UPDATE");
            it["object"]["metadata"]["annotations"][FOLLOWS] = json!(record);
            it["oldObject"] = it["object"].clone();
            if !annotated {
                it["oldObject"]["metadata"]["annotations"]["image-tag"] = json!("false");
            }
        })
    }

    #[rstest]
    #[case(true, true)]
    #[case(false, false)]
    fn an_old_record_counts_where_the_old_object_was_annotated(
        #[case] annotated: bool,
        #[case] counts: bool,
    ) {
        let workload = read(&update(annotated)).unwrap();
        assert!(matches!(workload.origin, Origin::Updated(_)));
        let before = workload.before().unwrap();
        assert_eq!(before.slots.len(), 1, "the old images count in any case");
        assert_eq!(!before.follows.is_empty(), counts);
        assert_eq!(workload.record.unwrap().len(), 1);
    }

    #[rstest]
    #[case::an_update_of_ours("UPDATE", "tagger", true)]
    #[case::an_update_of_another("UPDATE", "kubectl", false)]
    #[case::a_creation_under_our_name("CREATE", "tagger", false)]
    fn a_touch_is_an_update_under_our_name(
        #[case] operation: &str,
        #[case] manager: &str,
        #[case] touched: bool,
    ) {
        let mut request = update(true);
        request["operation"] = json!(operation);
        request["options"] = json!({ "fieldManager": manager });
        request["object"]["metadata"]["annotations"]["images.io/rollout"] = json!(r#"{"myapp":"a@b"}"#);
        let origin = read(&request).unwrap().origin;
        let targets = match &origin {
            Origin::Touched { targets, .. } => Some(targets["myapp"].as_str()),
            _ => None,
        };
        assert_eq!(targets, touched.then_some("a@b"));
    }
}
