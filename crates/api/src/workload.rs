//! The kinds that bear images, and where they bear them.

use serde::Deserialize;
use serde_json::Value;
use tagger_core::rewrite::Slot;

/// A kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `apps` Deployment.
    Deployment,
    /// `apps` StatefulSet.
    StatefulSet,
    /// `apps` DaemonSet.
    DaemonSet,
    /// `apps` ReplicaSet.
    ReplicaSet,
    /// `batch` CronJob.
    CronJob,
    /// `batch` Job.
    Job,
    /// A Pod of the core group.
    Pod,
}

/// An image of a workload, and the JSON pointer (RFC 6901) to it in the whole object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The image, under its name.
    pub slot: Slot,
    /// Where it stands.
    pub pointer: String,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::CronJob,
        Self::Job,
        Self::Pod,
    ];

    /// The API group, the kind and the plural name.
    pub const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Deployment => ("apps", "Deployment", "deployments"),
            Self::StatefulSet => ("apps", "StatefulSet", "statefulsets"),
            Self::DaemonSet => ("apps", "DaemonSet", "daemonsets"),
            Self::ReplicaSet => ("apps", "ReplicaSet", "replicasets"),
            Self::CronJob => ("batch", "CronJob", "cronjobs"),
            Self::Job => ("batch", "Job", "jobs"),
            Self::Pod => ("", "Pod", "pods"),
        }
    }

    /// The kind with this group and name, in any version.
    pub fn named(group: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| (known.names().0, known.names().1) == (group, kind))
    }

    /// Whether an image can be changed later so that it runs anew: a template can, a Job's can't, and a bare Pod is
    /// its own run.
    pub const fn rolls_out(self) -> bool {
        !matches!(self, Self::Job | Self::Pod)
    }

    /// Whether a controller makes objects of this kind from a template of its own. Those are that controller's
    /// business, and are never touched.
    pub const fn is_made_by_controllers(self) -> bool {
        matches!(self, Self::ReplicaSet | Self::Job | Self::Pod)
    }

    /// The pointer to the specification of the Pods.
    pub const fn pod_spec(self) -> &'static str {
        match self {
            Self::Pod => "/spec",
            Self::CronJob => "/spec/jobTemplate/spec/template/spec",
            _ => "/spec/template/spec",
        }
    }

    /// The images of an object of this kind: containers, init containers and image volumes. Those that bear none, or
    /// are not of the shape of the Kubernetes API, are left out.
    pub fn places(self, object: &Value) -> Vec<Place> {
        let Some(spec) = object.pointer(self.pod_spec()) else { return Vec::new() };
        PodSpec::deserialize(spec).map(|spec| spec.places(self.pod_spec())).unwrap_or_default()
    }
}

/// The part of a Pod's specification that bears images.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    #[serde(default, deserialize_with = "or_default")]
    containers: Vec<Container>,
    #[serde(default, deserialize_with = "or_default")]
    init_containers: Vec<Container>,
    #[serde(default, deserialize_with = "or_default")]
    volumes: Vec<Volume>,
}

#[derive(Clone, Debug, Deserialize)]
struct Container {
    name: String,
    image: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Volume {
    name: String,
    image: Option<ImageVolume>,
}

#[derive(Clone, Debug, Deserialize)]
struct ImageVolume {
    reference: Option<String>,
}

impl PodSpec {
    /// The images, with pointers that begin with this one.
    pub fn places(self, pointer: &str) -> Vec<Place> {
        let place = |name: String, image: Option<String>, pointer: String| {
            let image = image.filter(|image| !image.is_empty())?;
            Some(Place { slot: Slot { name, image }, pointer })
        };
        let containers = |list: Vec<Container>, field: &'static str| {
            list.into_iter().enumerate().filter_map(move |(at, container)| {
                place(container.name, container.image, format!("{pointer}/{field}/{at}/image"))
            })
        };
        let volumes = self.volumes.into_iter().enumerate().filter_map(|(at, volume)| {
            let reference = volume.image.and_then(|image| image.reference);
            place(
                format!("volume/{}", volume.name),
                reference,
                format!("{pointer}/volumes/{at}/image/reference"),
            )
        });
        containers(self.init_containers, "initContainers")
            .chain(containers(self.containers, "containers"))
            .chain(volumes)
            .collect()
    }
}

/// Kubernetes writes `null` for a list that is empty.
fn or_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn pod() -> Value {
        json!({
            "initContainers": [{ "name": "init", "image": "a" }],
            "containers": [{ "name": "app", "image": "b" }, { "name": "bare" }, { "name": "late", "image": "" }],
            "volumes": [{ "name": "empty", "emptyDir": {} }, { "name": "data", "image": { "reference": "c" } }],
        })
    }

    #[rstest]
    #[case(Kind::Deployment, json!({ "spec": { "template": { "spec": pod() } } }))]
    #[case(Kind::StatefulSet, json!({ "spec": { "template": { "spec": pod() } } }))]
    #[case(Kind::DaemonSet, json!({ "spec": { "template": { "spec": pod() } } }))]
    #[case(Kind::ReplicaSet, json!({ "spec": { "template": { "spec": pod() } } }))]
    #[case(Kind::Job, json!({ "spec": { "template": { "spec": pod() } } }))]
    #[case(Kind::CronJob, json!({ "spec": { "jobTemplate": { "spec": { "template": { "spec": pod() } } } } }))]
    #[case(Kind::Pod, json!({ "spec": pod() }))]
    fn every_kind_bears_its_images_where_the_pointer_says(#[case] kind: Kind, #[case] object: Value) {
        let places = kind.places(&object);
        let names: Vec<&str> = places.iter().map(|place| place.slot.name.as_str()).collect();
        assert_eq!(names, ["init", "app", "volume/data"]);
        for place in places {
            assert_eq!(object.pointer(&place.pointer), Some(&json!(place.slot.image)));
        }
    }

    #[rstest]
    #[case(json!({}))]
    #[case(json!({ "spec": null }))]
    #[case(json!({ "spec": { "containers": null } }))]
    #[case(json!({ "spec": { "containers": "x" } }))]
    #[case(json!([]))]
    fn an_object_of_another_shape_has_no_images(#[case] object: Value) {
        assert!(Kind::Pod.places(&object).is_empty());
    }

    #[test]
    fn a_kind_is_known_by_group_and_name() {
        assert_eq!(Kind::named("apps", "Deployment"), Some(Kind::Deployment));
        assert_eq!(Kind::named("", "Pod"), Some(Kind::Pod));
        assert_eq!(Kind::named("example.com", "Deployment"), None);
    }
}
