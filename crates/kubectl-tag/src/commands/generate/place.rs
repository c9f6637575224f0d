//! Where an object bears images: in any part of it that looks like the specification of Pods.

use serde_json::Value;

/// The lists of containers that a specification of Pods may have, and what one of them is called.
const CONTAINERS: [(&str, &str); 3] = [
    ("initContainers", "init container"),
    ("containers", "container"),
    ("ephemeralContainers", "ephemeral container"),
];

/// An image, and where it stands.
#[derive(Debug, PartialEq)]
pub(super) struct Place<'v> {
    /// The JSON pointer, from the object.
    pub(super) pointer: String,
    /// The container or the volume, for people.
    pub(super) bearer: String,
    /// The image as it stands there, even if it is no text.
    pub(super) image: &'v Value,
}

/// All images of an object.
pub(super) fn places(object: &Value) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    search(object, "", &mut found);
    found
}

fn search<'v>(value: &'v Value, pointer: &str, found: &mut Vec<Place<'v>>) {
    match value {
        Value::Object(fields) => {
            for (field, bearer) in CONTAINERS {
                for (at, item) in items(value, field) {
                    let pointer = format!("{pointer}/{field}/{at}/image");
                    found.extend(item.get("image").map(|image| place(pointer, bearer, item, at, image)));
                }
            }
            for (at, item) in items(value, "volumes") {
                let reference = item.pointer("/image/reference");
                let pointer = format!("{pointer}/volumes/{at}/image/reference");
                found.extend(reference.map(|image| place(pointer, "volume", item, at, image)));
            }
            for (field, inside) in fields {
                let field = field.replace('~', "~0").replace('/', "~1");
                search(inside, &format!("{pointer}/{field}"), found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                search(item, &format!("{pointer}/{at}"), found);
            }
        }
        _ => {}
    }
}

fn items<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = (usize, &'v Value)> {
    value.get(field).and_then(Value::as_array).into_iter().flatten().enumerate()
}

/// Some custom resources do not ask for the name of a container; its number then has to do.
fn place<'v>(pointer: String, bearer: &str, item: &Value, at: usize, image: &'v Value) -> Place<'v> {
    let bearer = match item.get("name").and_then(Value::as_str) {
        Some(name) => format!("{bearer} {name:?}"),
        None => format!("{bearer} {}", at + 1),
    };
    Place { pointer, bearer, image }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;
    use tagger_api::workload::Kind;

    fn found(object: &Value) -> Vec<(String, String)> {
        places(object).into_iter().map(|place| (place.pointer, place.bearer)).collect()
    }

    #[rstest]
    #[case(json!({"spec": {"containers": [{"name": "a", "image": "x"}]}}), &[("/spec/containers/0/image", "container \"a\"")])]
    #[case(json!({"spec": {"initContainers": [{"name": "a", "image": "x"}]}}), &[("/spec/initContainers/0/image", "init container \"a\"")])]
    #[case(json!({"spec": {"ephemeralContainers": [{"name": "a", "image": "x"}]}}), &[("/spec/ephemeralContainers/0/image", "ephemeral container \"a\"")])]
    #[case(json!({"spec": {"volumes": [{"name": "v", "image": {"reference": "x"}}]}}), &[("/spec/volumes/0/image/reference", "volume \"v\"")])]
    #[case(json!({"spec": {"containers": [{"image": "x"}]}}), &[("/spec/containers/0/image", "container 1")])]
    #[case(json!({"a/b": [{"c~": {"containers": [{"name": "a", "image": "x"}]}}]}), &[("/a~1b/0/c~0/containers/0/image", "container \"a\"")])]
    #[case(json!({"spec": {"containers": [{"name": "a", "image": null}]}}), &[("/spec/containers/0/image", "container \"a\"")])]
    #[case(json!({"spec": {"containers": [{"name": "only patched"}]}}), &[])]
    #[case(json!({"spec": {"containers": "a", "volumes": null, "image": "x"}}), &[])]
    #[case(json!({"data": {"a.yaml": "containers:\n- name: a\n  image: x\n"}}), &[])]
    fn images_are_found_wherever_pods_are_specified(
        #[case] object: Value,
        #[case] expected: &[(&str, &str)],
    ) {
        let expected: Vec<(String, String)> =
            expected.iter().map(|(pointer, bearer)| ((*pointer).into(), (*bearer).into())).collect();
        assert_eq!(found(&object), expected);
    }

    #[rstest]
    fn all_that_the_webhook_finds_is_found(#[values(0, 1, 2, 3, 4, 5, 6)] kind: usize) {
        let kind = Kind::ALL[kind];
        let mut object = json!({
            "initContainers": [{"name": "a", "image": "x"}],
            "containers": [{"name": "b", "image": "y"}],
            "volumes": [{"name": "c", "image": {"reference": "z"}}],
        });
        for field in kind.pod_spec().split('/').skip(1).collect::<Vec<_>>().into_iter().rev() {
            object = json!({ field: object });
        }
        let webhook: Vec<String> = kind.places(&object).into_iter().map(|place| place.pointer).collect();
        assert_eq!(webhook.len(), 3);
        assert_eq!(found(&object).into_iter().map(|(pointer, _)| pointer).collect::<Vec<_>>(), webhook);
    }
}
