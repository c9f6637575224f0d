//! Manifests of kinds that the test kit does not make, and what manifests are made of.

use serde_json::{Value, json};
use tagger_testkit::attachment::referrer;
use tagger_testkit::manifest::{Blob, Manifest, Pushed};

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A manifest of this JSON, and what it names.
pub fn manifest(content: &Value, blobs: Vec<Blob>, children: Vec<Manifest>) -> Manifest {
    let media_type = content["mediaType"].as_str().unwrap_or(OCI_MANIFEST);
    Manifest { blobs, children, ..Manifest::raw(media_type, content.to_string()) }
}

/// An artifact of this type that is about another manifest.
pub fn about(subject: &Manifest, artifact_type: &str, text: &str) -> Manifest {
    referrer(&pushed(subject), artifact_type, text)
}

/// A manifest as it is once it was pushed.
pub fn pushed(manifest: &Manifest) -> Pushed {
    let (digest, media_type) = (manifest.digest(), manifest.media_type.clone());
    Pushed { digest, media_type, bytes: manifest.bytes.clone() }
}

/// An index of these manifests.
pub fn index(children: Vec<Manifest>) -> Manifest {
    let entry = |child: &Manifest| json!({"mediaType": child.media_type, "digest": child.digest(), "size": child.bytes.len()});
    let entries: Vec<Value> = children.iter().map(entry).collect();
    manifest(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}), Vec::new(), children)
}

/// The digests of all the blobs that a manifest needs, each once.
pub fn blobs_of(manifest: &Manifest) -> Vec<String> {
    let own = manifest.blobs.iter().map(|blob| blob.digest.clone());
    let mut digests: Vec<String> = own.chain(manifest.children.iter().flat_map(blobs_of)).collect();
    digests.sort();
    digests.dedup();
    digests
}

/// The bytes of all the blobs that a manifest has itself.
pub fn size_of(manifest: &Manifest) -> u64 {
    manifest.blobs.iter().map(|blob| blob.bytes.len() as u64).sum()
}
