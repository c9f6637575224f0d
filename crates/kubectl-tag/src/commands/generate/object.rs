//! The objects of a document.

use serde_json::Value;
use tagger_api::annotations::IMAGE_TAG;
use tagger_api::workload::Kind;

/// An object, and where it stands in its document.
#[derive(Debug)]
pub(super) struct Object<'d> {
    /// The JSON pointer to it.
    pub(super) pointer: String,
    pub(super) value: &'d Value,
    group: String,
    pub(super) kind: String,
}

/// What Tagger's webhook would do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Governance {
    /// It has the Tags that its images name replaced.
    Governed { is_annotated: bool },
    /// It never sees it.
    Unseen(Unseen),
    /// Its images are somebody else's business.
    Foreign(Foreign),
}

/// Why the webhook does not see an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// It does not know the kind.
    Kind,
    /// It has no say in this namespace.
    KubeSystem,
    /// It knows the kind, but looks for no image there.
    Place,
}

/// Why the images of an object are no business of Tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// It is annotated so.
    HandsOff,
    /// A controller made it from a template.
    Made,
    /// It is a Tag.
    Tag,
    /// It defines a kind.
    Definition,
}

impl<'d> Object<'d> {
    /// The objects of a document: itself, or those of a list. What has no kind is none.
    pub(super) fn all(document: &'d Value) -> Vec<Self> {
        let mut objects = Vec::new();
        gather(document, "", None, &mut objects);
        objects
    }

    /// Its name, or the beginning of one.
    pub(super) fn name(&self) -> &'d str {
        self.metadata("name").or_else(|| self.metadata("generateName")).unwrap_or_default()
    }

    /// Its namespace, where it names one.
    pub(super) fn namespace(&self) -> Option<&'d str> {
        self.metadata("namespace")
    }

    /// Whether it is a Tag.
    pub(super) fn is_tag(&self) -> bool {
        self.group == "images.io" && self.kind == "Tag"
    }

    /// Whether it is a Namespace.
    pub(super) fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.kind == "Namespace"
    }

    /// Its kind, where Tagger knows it.
    pub(super) fn known_kind(&self) -> Option<Kind> {
        Kind::named(&self.group, &self.kind)
    }

    /// What Tagger's webhook would do with it.
    pub(super) fn governance(&self, namespace: Option<&str>) -> Governance {
        if self.is_tag() {
            return Governance::Foreign(Foreign::Tag);
        }
        if self.group == "apiextensions.k8s.io" {
            return Governance::Foreign(Foreign::Definition);
        }
        let annotation = self.value.pointer("/metadata/annotations").and_then(|all| all.get(IMAGE_TAG));
        let is_annotated = match annotation {
            None => false,
            Some(Value::String(mode)) if mode == "true" || mode == "strict" => true,
            Some(_) => return Governance::Foreign(Foreign::HandsOff),
        };
        match self.known_kind() {
            None => Governance::Unseen(Unseen::Kind),
            Some(kind) if kind.is_made_by_controllers() && self.has_controller() => {
                Governance::Foreign(Foreign::Made)
            }
            Some(_) if namespace == Some("kube-system") => Governance::Unseen(Unseen::KubeSystem),
            Some(_) => Governance::Governed { is_annotated },
        }
    }

    fn metadata(&self, field: &str) -> Option<&'d str> {
        let text = self.value.get("metadata")?.get(field)?.as_str()?;
        Some(text).filter(|text| !text.is_empty())
    }

    fn has_controller(&self) -> bool {
        let owners = self.value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().any(|owner| owner.get("controller") == Some(&Value::Bool(true)))
    }
}

/// The items of a list of one kind may leave out what the list says for all.
fn gather<'d>(value: &'d Value, pointer: &str, of: Option<(&str, &str)>, objects: &mut Vec<Object<'d>>) {
    let text = |field: &str| value.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (of_version, of_kind) = of.unzip();
    let Some(kind) = text("kind").or(of_kind) else { return };
    let version = text("apiVersion").or(of_version).unwrap_or_default();
    let list = kind.strip_suffix("List").zip(value.get("items").and_then(Value::as_array));
    if let Some((of_kind, items)) = list {
        let of = (!of_kind.is_empty()).then_some((version, of_kind));
        for (at, item) in items.iter().enumerate() {
            gather(item, &format!("{pointer}/items/{at}"), of, objects);
        }
        return;
    }
    let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
    objects.push(Object { pointer: pointer.to_owned(), value, group, kind: kind.to_owned() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!({"kind": "Pod"}), &[("", "Pod")])]
    #[case(json!({"kind": "List", "items": [{"kind": "Pod"}, {"kind": "List", "items": [{"kind": "Job"}]}]}), &[("/items/0", "Pod"), ("/items/1/items/0", "Job")])]
    #[case(json!({"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {}}]}), &[("/items/0", "Pod")])]
    #[case(json!({"kind": "List", "items": [{"metadata": {}}]}), &[])]
    #[case(json!({"kind": "WatchList"}), &[("", "WatchList")])]
    #[case(json!({"image": "x"}), &[])]
    #[case(json!(null), &[])]
    fn the_objects_of_a_document_are_found(#[case] document: Value, #[case] expected: &[(&str, &str)]) {
        let objects = Object::all(&document);
        let found: Vec<(&str, &str)> =
            objects.iter().map(|object| (object.pointer.as_str(), object.kind.as_str())).collect();
        assert_eq!(found, expected);
    }

    const SEEN: Governance = Governance::Governed { is_annotated: false };
    const KIND: Governance = Governance::Unseen(Unseen::Kind);

    #[rstest]
    #[case("apps/v1", "Deployment", json!({}), SEEN)]
    #[case("apps/v1beta2", "Deployment", json!({}), SEEN)]
    #[case("batch/v1", "CronJob", json!({}), SEEN)]
    #[case("v1", "Pod", json!({}), SEEN)]
    #[case("extensions/v1beta1", "Deployment", json!({}), KIND)]
    #[case("v1", "ReplicationController", json!({}), KIND)]
    #[case("v1", "PodTemplate", json!({}), KIND)]
    #[case("serving.example.com/v1", "Service", json!({}), KIND)]
    #[case("apps/v1", "Deployment", json!({"annotations": {"image-tag": "true"}}), Governance::Governed { is_annotated: true })]
    #[case("apps/v1", "Deployment", json!({"annotations": {"image-tag": "strict"}}), Governance::Governed { is_annotated: true })]
    #[case("apps/v1", "Deployment", json!({"annotations": {"image-tag": "false"}}), Governance::Foreign(Foreign::HandsOff))]
    #[case("apps/v1", "Deployment", json!({"annotations": {"image-tag": true}}), Governance::Foreign(Foreign::HandsOff))]
    #[case("apps/v1", "Deployment", json!({"namespace": "kube-system"}), Governance::Unseen(Unseen::KubeSystem))]
    #[case("apps/v1", "ReplicaSet", json!({"ownerReferences": [{"controller": true}]}), Governance::Foreign(Foreign::Made))]
    #[case("apps/v1", "Deployment", json!({"ownerReferences": [{"controller": true}]}), SEEN)]
    #[case("images.io/v1", "Tag", json!({}), Governance::Foreign(Foreign::Tag))]
    #[case("apiextensions.k8s.io/v1", "CustomResourceDefinition", json!({}), Governance::Foreign(Foreign::Definition))]
    fn an_object_is_governed_as_the_webhook_does(
        #[case] version: &str,
        #[case] kind: &str,
        #[case] metadata: Value,
        #[case] expected: Governance,
    ) {
        let document = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
        let object = &Object::all(&document)[0];
        assert_eq!(object.governance(object.namespace()), expected);
    }
}
