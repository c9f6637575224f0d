//! The `index.json` of an image layout, which says what images are in it.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tagger_core::reference::{Digest, Reference};

use crate::manifest::{MAX_ENTRIES, OCI_INDEX};
use crate::pull::Manifest;

/// The file that says that a folder is an image layout, and what is in it.
pub(super) const LAYOUT: (&str, &str) = ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
/// The file that names the images.
pub(super) const INDEX: &str = "index.json";

/// What an image is called, by the OCI image specification; by everybody's habit, its tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// What containerd and docker call it, in full.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// An image that a layout names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Entry {
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default, rename = "mediaType")]
    pub(super) media_type: Option<String>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

impl Entry {
    /// What the image is called: in full, or as the layout has it; at the least it has a digest.
    pub(super) fn names(&self) -> Vec<&str> {
        let annotated = [IMAGE_NAME, REF_NAME].into_iter().filter_map(|key| self.annotations.get(key));
        annotated.map(String::as_str).chain([self.digest.as_str()]).collect()
    }
}

/// The images that an `index.json` names.
pub(super) fn entries(document: &[u8]) -> Result<Vec<Entry>, String> {
    #[derive(Deserialize)]
    struct Index {
        manifests: Vec<Entry>,
    }
    let index: Index = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    match index.manifests.len() {
        0 => Err("it names no image".to_owned()),
        many if many > MAX_ENTRIES => Err(format!("it names more than {MAX_ENTRIES} images")),
        _ => Ok(index.manifests),
    }
}

/// An `index.json` with this image in it, in place of one of the same name, and behind those that were in it before.
pub(super) fn with(before: Option<&[u8]>, manifest: &Manifest, name: &Reference) -> Bytes {
    let entry = descriptor(manifest, name);
    let before: Option<Value> = before.and_then(|before| serde_json::from_slice(before).ok());
    let mut manifests = match before {
        Some(Value::Object(mut before)) => match before.remove("manifests") {
            Some(Value::Array(manifests)) => manifests,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let called = |of: &Value| of["annotations"][REF_NAME].as_str().map(str::to_owned);
    let same = |other: &Value| match called(&entry) {
        None => called(other).is_none() && other["digest"] == entry["digest"],
        name => called(other) == name,
    };
    manifests.retain(|other| !same(other));
    manifests.push(entry);
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests }).to_string().into()
}

fn descriptor(manifest: &Manifest, name: &Reference) -> Value {
    let mut annotations = json!({ IMAGE_NAME: name.to_string() });
    if let Some(tag) = name.tag() {
        annotations[REF_NAME] = json!(tag.as_str());
    }
    json!({
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": manifest.bytes.len(),
        "annotations": annotations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::digest_of;

    fn manifest(text: &'static str) -> Manifest {
        let digest = digest_of(text.as_bytes(), None).unwrap();
        Manifest { digest, media_type: OCI_INDEX.to_owned(), bytes: text.into() }
    }

    fn names(index: &[u8]) -> Vec<String> {
        entries(index).unwrap().iter().map(|entry| entry.names()[0].to_owned()).collect()
    }

    #[test]
    fn an_image_takes_the_place_of_the_one_with_its_name_and_leaves_the_others() {
        let name = |text: &str| text.parse().unwrap();
        let one = with(None, &manifest("1"), &name("a.io/b:v1"));
        let two = with(Some(&one), &manifest("2"), &name("a.io/b:v2"));
        assert_eq!(names(&two), ["a.io/b:v1", "a.io/b:v2"]);
        let three = with(Some(&two), &manifest("3"), &name("a.io/b:v1"));
        assert_eq!(names(&three), ["a.io/b:v2", "a.io/b:v1"]);
        assert_eq!(entries(&three).unwrap()[1].digest, manifest("3").digest);
    }

    #[test]
    fn an_image_without_a_tag_is_there_once() {
        let name: Reference = format!("a.io/b@{}", manifest("1").digest).parse().unwrap();
        let one = with(None, &manifest("1"), &name);
        let two = with(Some(&one), &manifest("1"), &name);
        assert_eq!(one, two);
        assert_eq!(entries(&one).unwrap()[0].names().len(), 2);
    }

    #[test]
    fn what_is_no_index_is_told() {
        let wrong = ["", "[]", r#"{"manifests":[]}"#, r#"{"manifests":[{"digest":"sha256:../x","size":1}]}"#];
        for document in wrong {
            assert!(entries(document.as_bytes()).is_err(), "{document}");
        }
    }
}
