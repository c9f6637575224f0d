//! Why the images of a workload are what they are, and what would happen now. Pure.

use std::collections::HashMap;

use kube::ResourceExt;
use serde::Serialize;
use serde_json::Value;
use tagger_api::Tag;
use tagger_api::annotations::{IMAGE_TAG, Mode, follows};
use tagger_api::workload::{Kind, Place};
use tagger_core::rewrite::{Change, Follows, Known, Slot, placeholder, rewrite};

use crate::tags::near;

/// What `kubectl tag explain -o json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explanation {
    pub(super) workload: String,
    /// What counts for all of its containers.
    pub(super) about: Vec<String>,
    pub(super) containers: Vec<Container>,
}

/// One container, init container or image volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    /// The Tag that it follows.
    pub(super) tag: Option<String>,
    /// The generation that it runs.
    pub(super) generation: Option<i64>,
    pub(super) why: String,
    /// What would happen now.
    pub(super) now: String,
}

/// What is known of the workload as a whole.
struct Whole<'a> {
    kind: Kind,
    namespace: &'a str,
    mode: Option<Mode>,
    follows: Follows,
    /// Its controller, which makes it anew.
    owner: Option<String>,
    tags: &'a HashMap<String, Tag>,
    /// What rewriting it as it is stored would write.
    images: std::collections::BTreeMap<String, String>,
}

/// Explains a workload as it is stored, by the Tags of its namespace.
pub(super) fn explain(
    kind: Kind,
    object: &Value,
    namespace: &str,
    tags: &HashMap<String, Tag>,
) -> Explanation {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let annotations = object.pointer("/metadata/annotations").cloned().unwrap_or_default();
    let annotations: std::collections::BTreeMap<String, String> =
        serde_json::from_value(annotations).unwrap_or_default();
    let owner = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).and_then(|owners| {
        let owner = owners.iter().find(|owner| owner["controller"] == true)?;
        Some(format!("{}/{}", owner["kind"].as_str()?.to_lowercase(), owner["name"].as_str()?))
    });
    let places = kind.places(object);
    let slots: Vec<Slot> = places.iter().map(|place| place.slot.clone()).collect();
    let recorded = follows(Some(&annotations));
    let references: HashMap<&str, Option<String>> = tags
        .iter()
        .map(|(name, tag)| {
            (name.as_str(), tag.status.as_ref().and_then(|status| status.image_reference.clone()))
        })
        .collect();
    let known = |tag: &str| match references.get(tag) {
        None => Known::Unknown,
        Some(None) => Known::Pending,
        Some(Some(reference)) => Known::Current(reference),
    };
    let mode = Mode::of(Some(&annotations));
    let images = rewrite(namespace, &slots, &recorded, Change::Stored, known).images;
    let whole = Whole { kind, namespace, mode, follows: recorded, owner, tags, images };
    let template = format!("{}/metadata/annotations/{IMAGE_TAG}", kind.pod_spec().trim_end_matches("/spec"));
    let on_template = kind.pod_spec() != "/spec" && text(&template).is_some();
    Explanation {
        workload: format!("{}/{}", kind.names().1.to_lowercase(), text("/metadata/name").unwrap_or_default()),
        about: whole.about(annotations.get(IMAGE_TAG).map(String::as_str), on_template),
        containers: places.iter().map(|place| whole.container(place)).collect(),
    }
}

impl Whole<'_> {
    fn about(&self, annotation: Option<&str>, on_template: bool) -> Vec<String> {
        let mut about = vec![match (self.mode, annotation) {
            (Some(Mode::Tags), _) => {
                format!("annotated {IMAGE_TAG}: \"true\": images that name a Tag are rewritten")
            }
            (Some(Mode::Strict), _) => {
                format!(
                    "annotated {IMAGE_TAG}: \"strict\": images that are neither a Tag nor have a registry are refused"
                )
            }
            (None, Some(other)) => format!(
                "annotated {IMAGE_TAG}: {other:?}, which is neither \"true\" nor \"strict\": Tagger leaves it alone"
            ),
            (None, None) => format!("not annotated {IMAGE_TAG}: \"true\": Tagger leaves it alone"),
        }];
        if self.mode.is_none() && on_template {
            about.push("the annotation is on its template; it has to be on the workload itself".to_owned());
        }
        if let Some(owner) = &self.owner {
            about.push(format!("{owner} makes it: what counts is the annotation and the images there; kubectl tag explain {owner}"));
        }
        about
    }

    fn container(&self, place: &Place) -> Container {
        let Slot { name, image } = &place.slot;
        let follow = self.follows.get(name).filter(|follow| follow.image == *image);
        let tag = follow.map(|follow| follow.tag.clone());
        let generation = tag.as_ref().and_then(|tag| self.tags.get(tag)).and_then(|tag| {
            let mut known = tag.status.iter().flat_map(|status| status.references.iter());
            let digest = image.rsplit_once('@')?.1;
            known
                .find(|known| known.digest().is_some_and(|known| known.as_str() == digest))
                .map(|known| known.generation)
        });
        Container {
            name: name.clone(),
            image: image.clone(),
            why: self.why(name, image, tag.as_deref()),
            now: self.now(name, image, tag.as_deref()),
            tag,
            generation,
        }
    }

    fn why(&self, name: &str, image: &str, tag: Option<&str>) -> String {
        match tag {
            Some(tag) if image == placeholder(self.namespace, tag) => format!(
                "the Tag {tag} has no generation yet; the image is put in as soon as there is one (kubectl tag status {tag})"
            ),
            Some(tag) if !self.tags.contains_key(tag) => {
                format!("it named the Tag {tag}, which is gone; it keeps the image that it has")
            }
            Some(tag) => {
                format!("the manifest names the Tag {tag}, and admission wrote the image of its generation")
            }
            None => self.why_not(name, image),
        }
    }

    /// Why a container follows nothing.
    fn why_not(&self, name: &str, image: &str) -> String {
        if let Some(before) = self.follows.get(name) {
            return format!(
                "it followed the Tag {0} until somebody set another image; setting the image {0} attaches it again",
                before.tag
            );
        }
        let is_plain = !image.contains(['/', ':', '@']);
        match (self.mode, self.tags.contains_key(image)) {
            (None, true) => {
                format!("it names the Tag {image}, but the workload is not annotated {IMAGE_TAG}: \"true\"")
            }
            (Some(_), true) => {
                "it names a Tag and was not rewritten: admission was away when it was stored".to_owned()
            }
            (_, false) if is_plain => {
                let names: Vec<String> = self.tags.values().map(ResourceExt::name_any).collect();
                let near = match near(image, &names).as_slice() {
                    [] => String::new(),
                    some => format!("; did you mean {}?", some.join(", ")),
                };
                format!("there is no Tag {image} in this namespace, so it is taken for an image{near}")
            }
            (_, false) => "it is an image and no Tag's name".to_owned(),
        }
    }

    /// What would happen now.
    fn now(&self, name: &str, image: &str, tag: Option<&str>) -> String {
        let target = self.images.get(name).filter(|target| *target != image);
        let suspended = tag.unwrap_or(image);
        let is_suspended = self.tags.get(suspended).is_some_and(|tag| tag.spec.is_suspended());
        match target {
            None => "nothing: it is as it should be".to_owned(),
            Some(_) if self.mode.is_none() => "nothing: Tagger leaves the workload alone".to_owned(),
            Some(_) if self.owner.is_some() => "nothing: its controller decides".to_owned(),
            Some(_) if is_suspended && tag.is_some() => format!("nothing: the Tag {suspended} is suspended"),
            Some(_) if !self.kind.rolls_out() => {
                format!(
                    "nothing: the image of a {} can't be changed so that it runs anew; make it again",
                    self.kind.names().1
                )
            }
            Some(target) => format!("the operator rolls it out to {target}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn image(number: i64) -> String {
        format!("quay.io/a/b@sha256:{number:064x}")
    }

    fn tags(suspend: bool) -> HashMap<String, Tag> {
        let one = |number: i64| json!({ "generation": number, "from": "quay.io/a/b", "importedAt": "2026-01-01T00:00:00Z", "imageReference": image(number) });
        let tag = |name: &str, status: Value| {
            let tag = json!({
                "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": name },
                "spec": { "from": "quay.io/a/b", "suspend": suspend }, "status": status,
            });
            (name.to_owned(), serde_json::from_value::<Tag>(tag).unwrap())
        };
        let status = json!({ "generation": 1, "imageReference": image(1), "references": [one(1), one(0)] });
        HashMap::from([tag("myapp", status), tag("new", json!({}))])
    }

    fn workload(annotations: Value, image: &str) -> Value {
        json!({
            "metadata": { "name": "web", "namespace": "dev", "annotations": annotations },
            "spec": { "template": { "spec": { "containers": [{ "name": "app", "image": image }] } } },
        })
    }

    fn following(image: &str) -> Value {
        let record = json!({ "app": { "tag": "myapp", "image": image } }).to_string();
        json!({ "image-tag": "true", "images.io/follows": record })
    }

    #[rstest]
    #[case::as_it_should_be(workload(following(&image(1)), &image(1)), Some(1), "names the Tag myapp", "as it should be")]
    #[case::behind(workload(following(&image(0)), &image(0)), Some(0), "names the Tag myapp", "rolls it out to quay.io")]
    #[case::detached(workload(following(&image(0)), "busybox:1"), None, "until somebody set another image", "as it should be")]
    #[case::no_tag(workload(json!({ "image-tag": "true" }), "myap"), None, "did you mean myapp?", "as it should be")]
    #[case::an_image(workload(json!({ "image-tag": "true" }), "busybox:1"), None, "is an image", "as it should be")]
    #[case::not_annotated(workload(json!({}), "myapp"), None, "is not annotated", "leaves the workload alone")]
    #[case::not_rewritten(workload(json!({ "image-tag": "true" }), "myapp"), None, "admission was away", "rolls it out to quay.io")]
    fn a_container_is_explained(
        #[case] object: Value,
        #[case] generation: Option<i64>,
        #[case] why: &str,
        #[case] now: &str,
    ) {
        let told = explain(Kind::Deployment, &object, "dev", &tags(false)).containers.remove(0);
        assert_eq!(told.generation, generation);
        assert!(told.why.contains(why) && told.now.contains(now), "{told:?}");
    }

    #[test]
    fn a_suspended_tag_moves_nothing() {
        let told = explain(Kind::Deployment, &workload(following(&image(0)), &image(0)), "dev", &tags(true));
        assert!(told.containers[0].now.contains("the Tag myapp is suspended"), "{told:?}");
    }

    #[test]
    fn a_tag_without_a_generation_is_waited_for() {
        let waits = placeholder("dev", "new");
        let record = json!({ "app": { "tag": "new", "image": waits } }).to_string();
        let object = workload(json!({ "image-tag": "true", "images.io/follows": record }), &waits);
        let told = explain(Kind::Deployment, &object, "dev", &tags(false));
        assert!(told.containers[0].why.contains("has no generation yet"), "{told:?}");
    }

    #[test]
    fn an_annotation_on_the_template_is_told() {
        let mut object = workload(json!({}), "myapp");
        object["spec"]["template"]["metadata"] = json!({ "annotations": { "image-tag": "true" } });
        let told = explain(Kind::Deployment, &object, "dev", &tags(false));
        assert!(told.about[1].contains("on its template"), "{told:?}");
    }

    #[test]
    fn what_a_controller_made_points_to_the_controller() {
        let object = json!({
            "metadata": { "name": "web-1", "ownerReferences": [{ "kind": "ReplicaSet", "name": "web", "controller": true }] },
            "spec": { "containers": [{ "name": "app", "image": image(0) }] },
        });
        let told = explain(Kind::Pod, &object, "dev", &tags(false));
        assert!(told.about[1].contains("replicaset/web makes it"), "{told:?}");
    }
}
