//! The workload that a request is about, read once and no further than its images and its annotations.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
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
        let is_going = metadata.deletion_timestamp.is_some();
        if is_going || (kind.is_made_by_controllers() && metadata.has_controller()) {
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
    deletion_timestamp: Option<IgnoredAny>,
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
mod tests;
