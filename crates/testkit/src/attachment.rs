//! What is attached to images: signatures found by a tag, and artifacts found by their subject.

use serde_json::json;

use crate::artifact::artifact;
use crate::manifest::{Blob, Manifest, Pushed};

/// The media type of an image's manifest, which attachments share.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A signature in the shape that cosign gives it, and the tag that it belongs under.
///
/// The shape is real and the signature is not: nothing here checks one.
pub fn signature(subject: &Pushed) -> (Manifest, String) {
    let claim = json!({
        "critical": {
            "identity": {"docker-reference": ""},
            "image": {"docker-manifest-digest": subject.digest},
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    let claim = Blob::new("application/vnd.dev.cosign.simplesigning.v1+json", claim.to_string());
    let configuration = Blob::new("application/vnd.oci.image.config.v1+json", "{}");
    let mut layer = claim.descriptor();
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": "bm8gcmVhbCBzaWduYXR1cmU="});
    let content = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": configuration.descriptor(),
        "layers": [layer],
    });
    let tag = format!("{}.sig", fallback_tag(&subject.digest));
    (Manifest::json(&content, vec![configuration, claim], Vec::new()), tag)
}

/// An attestation in the shape that cosign gives it, and the tag that it belongs under.
pub fn attestation(subject: &Pushed) -> (Manifest, String) {
    let artifact = artifact("application/vnd.dsse.envelope.v1+json", &format!("attested {}", subject.digest));
    (artifact, format!("{}.att", fallback_tag(&subject.digest)))
}

/// A bill of materials in the place that cosign gives it, and the tag that it belongs under.
pub fn bill_of_materials(subject: &Pushed) -> (Manifest, String) {
    let artifact = artifact("text/spdx+json", &format!("all parts of {}", subject.digest));
    (artifact, format!("{}.sbom", fallback_tag(&subject.digest)))
}

/// An artifact, such as a bill of materials, that names the image it is about as its subject.
pub fn referrer(subject: &Pushed, artifact_type: &str, payload: &str) -> Manifest {
    let empty = Blob::new("application/vnd.oci.empty.v1+json", "{}");
    let payload = Blob::new(artifact_type, payload.to_owned());
    let content = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": empty.descriptor(),
        "layers": [payload.descriptor()],
        "subject": subject.descriptor(),
    });
    Manifest::json(&content, vec![empty, payload], Vec::new())
}

/// The list of a subject's artifacts for registries with no referrers API, which belongs under the
/// subject's [`fallback_tag`].
pub fn referrers_index(artifacts: &[(&Manifest, &str)]) -> Manifest {
    let entries: Vec<_> = artifacts
        .iter()
        .map(|(manifest, artifact_type)| {
            let mut entry = manifest.pushed().descriptor();
            entry["artifactType"] = json!(artifact_type);
            entry
        })
        .collect();
    let children = artifacts.iter().map(|(manifest, _)| (*manifest).clone()).collect();
    let content = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": entries,
    });
    Manifest::json(&content, Vec::new(), children)
}

/// The tag that stands for a digest where a registry can list tags only.
pub fn fallback_tag(digest: &str) -> String {
    digest.replacen(':', "-", 1)
}
