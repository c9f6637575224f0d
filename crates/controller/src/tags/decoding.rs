//! A Tag as the controller takes it from the API server: decoded by itself, and to what is read of it.
//!
//! There may be very many, and the greater part of most is who manages which field. That is passed over where it is read, so that it never
//! takes memory: what is allocated between things that stay leaves holes, which a process keeps.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tagger_api::annotations::{IMPORT, PUSHED};
use tagger_api::{Tag, TagSpec, TagStatus};

/// A Tag, or what is left of one that can't be decoded. One of them must not hide the others.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// A Tag, without labels, managers, and the annotations of others.
    Tag(Box<Tag>),
    /// One that can't be decoded, and why.
    Undecodable(Box<ObjectMeta>, String),
}

#[derive(Deserialize)]
struct Parts {
    metadata: Metadata,
    #[serde(default)]
    spec: Value,
    status: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    deletion_timestamp: Option<Time>,
    annotations: Option<Annotations>,
}

/// Those that are read here.
#[derive(Deserialize)]
struct Annotations {
    #[serde(rename = "images.io/import")]
    import: Option<String>,
    #[serde(rename = "images.io/pushed")]
    pushed: Option<String>,
}

impl From<Metadata> for ObjectMeta {
    fn from(metadata: Metadata) -> Self {
        let Metadata { name, namespace, uid, resource_version, generation, deletion_timestamp, annotations } =
            metadata;
        let annotations = annotations.map(|Annotations { import, pushed }| {
            let read = [(IMPORT, import), (PUSHED, pushed)];
            read.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
        });
        let annotations = annotations.filter(|read: &BTreeMap<_, _>| !read.is_empty());
        Self {
            name,
            namespace,
            uid,
            resource_version,
            generation,
            deletion_timestamp,
            annotations,
            ..Self::default()
        }
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Parts { metadata, spec, status } = Parts::deserialize(from)?;
        let metadata = ObjectMeta::from(metadata);
        let decoded = serde_json::from_value::<TagSpec>(spec).and_then(|spec| {
            let status = status.map(serde_json::from_value::<TagStatus>).transpose()?;
            Ok((spec, status))
        });
        Ok(match decoded {
            Ok((spec, status)) => Self::Tag(Box::new(Tag { metadata, spec, status })),
            Err(error) => Self::Undecodable(Box::new(metadata), error.to_string()),
        })
    }
}

impl Resource for Seen {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(of: &()) -> Cow<'_, str> {
        Tag::kind(of)
    }

    fn group(of: &()) -> Cow<'_, str> {
        Tag::group(of)
    }

    fn version(of: &()) -> Cow<'_, str> {
        Tag::version(of)
    }

    fn plural(of: &()) -> Cow<'_, str> {
        Tag::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Tag(tag) => &tag.metadata,
            Self::Undecodable(metadata, _) => metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Tag(tag) => &mut tag.metadata,
            Self::Undecodable(metadata, _) => metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn object(spec: Value, status: Option<Value>) -> Value {
        let metadata = json!({
            "name": "myapp", "namespace": "dev", "uid": "1-2", "resourceVersion": "7", "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z", "deletionTimestamp": "2026-01-02T00:00:00Z", "labels": { "a": "b" },
            "annotations": { IMPORT: r#"{"generation":1}"#, PUSHED: "1", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
            "managedFields": [{ "manager": "x", "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": { "f:from": {} } } }],
        });
        let mut object =
            json!({ "apiVersion": "images.io/v1", "kind": "Tag", "metadata": metadata, "spec": spec });
        if let Some(status) = status {
            object["status"] = status;
        }
        object
    }

    #[test]
    fn only_what_is_read_is_kept() {
        let seen = object(json!({ "from": "quay.io/a/b" }), Some(json!({ "generation": 0 })));
        let Seen::Tag(tag) = serde_json::from_value(seen).unwrap() else { panic!("it can be decoded") };
        assert_eq!(
            (tag.spec.from.as_str(), tag.status.as_ref().unwrap().generation),
            ("quay.io/a/b", Some(0))
        );
        let metadata = &tag.metadata;
        assert_eq!(metadata.name.as_deref().zip(metadata.namespace.as_deref()), Some(("myapp", "dev")));
        assert_eq!(metadata.uid.as_deref().zip(metadata.resource_version.as_deref()), Some(("1-2", "7")));
        assert_eq!((metadata.generation, metadata.deletion_timestamp.is_some()), (Some(3), true));
        assert_eq!(metadata.annotations.as_ref().unwrap().keys().collect::<Vec<_>>(), [IMPORT, PUSHED]);
        assert!(metadata.labels.is_none() && metadata.managed_fields.is_none());
    }

    #[rstest]
    #[case::a_number_for_a_text(json!({ "from": 7 }), None)]
    #[case::no_specification(Value::Null, None)]
    #[case::a_status_of_another_shape(json!({ "from": "quay.io/a/b" }), Some(json!({ "references": "none" })))]
    fn one_that_cannot_be_decoded_is_known_by_name(#[case] spec: Value, #[case] status: Option<Value>) {
        let list = json!([object(spec, status), object(json!({ "from": "quay.io/a/b" }), None)]);
        let [first, second]: [Seen; 2] = serde_json::from_value(list).unwrap();
        let Seen::Undecodable(metadata, why) = first else { panic!("it can't be decoded") };
        assert!(metadata.name.as_deref() == Some("myapp") && !why.is_empty());
        assert!(matches!(second, Seen::Tag(_)));
    }

    #[test]
    fn a_line_of_a_watch_is_read_in_any_order() {
        let object = object(json!({ "from": "quay.io/a/b" }), None);
        for line in [
            format!(r#"{{"type":"ADDED","object":{object}}}"#),
            format!(r#"{{"object":{object},"type":"ADDED"}}"#),
        ] {
            let event: kube::core::WatchEvent<Seen> = serde_json::from_str(&line).unwrap();
            assert!(matches!(event, kube::core::WatchEvent::Added(Seen::Tag(_))));
        }
    }
}
