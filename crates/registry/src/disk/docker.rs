//! The `manifest.json` of `docker save`.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tagger_core::reference::{Digest, Reference};

use super::error::Damage;
use super::platform::ImageProblem;
use super::store::name;
use crate::fault::shown;
use crate::manifest::{MAX_ENTRIES, OCI_MANIFEST};
use crate::pull::Manifest;

/// The file that says what is in an archive of `docker save`.
pub(super) const MANIFEST: &str = "manifest.json";

/// The media type of a configuration, and of the layers that `docker save` writes: as they are, which is not compressed.
const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_CONFIGURATION: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    pub(super) config: String,
    pub(super) repo_tags: Option<Vec<String>>,
    pub(super) layers: Vec<String>,
}

/// What an image manifest names, as far as it matters here.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) config: Part,
    pub(super) layers: Vec<Part>,
}

/// A part that an image manifest names.
#[derive(Deserialize)]
pub(super) struct Part {
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default, rename = "mediaType")]
    media_type: String,
}

/// What an image consists of, where it is one that runs.
pub(super) fn runnable(manifest: &Manifest) -> Result<Named, ImageProblem> {
    let named: Result<Named, _> = serde_json::from_slice(&manifest.bytes);
    let known =
        |named: &Named| [CONFIGURATION, DOCKER_CONFIGURATION].contains(&named.config.media_type.as_str());
    named.ok().filter(known).ok_or(ImageProblem::NotRunnable)
}

/// The `manifest.json` of an image whose blobs are where an image layout has them: docker takes them from there.
pub(super) fn saved(image: &Named, reference: &Reference) -> Bytes {
    let saved = Saved {
        config: name(&image.config.digest),
        repo_tags: reference.tag().map(|_| vec![reference.to_string()]),
        layers: image.layers.iter().map(|layer| name(&layer.digest)).collect(),
    };
    json!([saved]).to_string().into()
}

/// The images of a `manifest.json`.
pub(super) fn read(document: &[u8]) -> Result<Vec<Saved>, String> {
    let images: Vec<Saved> = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    match images.iter().map(|image| image.layers.len()).max() {
        None => Err("it names no image".to_owned()),
        Some(layers) if layers > MAX_ENTRIES => Err(format!("it names more than {MAX_ENTRIES} layers")),
        Some(_) => Ok(images),
    }
}

/// A layer as it is in an archive.
pub(super) struct Layer {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// How its first bytes say that it is compressed.
    pub(super) compressed: Option<&'static str>,
}

/// How a file is compressed, by its first bytes.
pub(super) fn compression(beginning: &[u8]) -> Option<&'static str> {
    match beginning {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        _ => None,
    }
}

/// Makes the OCI manifest of an image of `docker save`. Its layers stay as they are, so the same archive always gives the same
/// digest. The configuration names each layer by its digest before compression.
pub(super) fn manifest(config: (&Digest, &[u8]), layers: &[Layer]) -> Result<Bytes, Damage> {
    #[derive(Default, Deserialize)]
    struct Configuration {
        #[serde(default)]
        rootfs: Root,
    }
    #[derive(Default, Deserialize)]
    struct Root {
        #[serde(default)]
        diff_ids: Vec<Digest>,
    }
    let invalid =
        |problem: String| Damage::Document { name: "the configuration".to_owned(), problem: shown(problem) };
    let read: Configuration = serde_json::from_slice(config.1).map_err(|error| invalid(error.to_string()))?;
    let diff_ids = read.rootfs.diff_ids;
    if diff_ids.len() != layers.len() {
        return Err(invalid(format!(
            "it has {} layers, and {MANIFEST} has {}",
            diff_ids.len(),
            layers.len()
        )));
    }
    for (layer, expected) in layers.iter().zip(&diff_ids) {
        if layer.compressed.is_none() && layer.digest != *expected {
            return Err(Damage::Digest { expected: expected.clone(), actual: layer.digest.clone() });
        }
    }
    let descriptor = |media_type: String, digest: &Digest, size: u64| {
        // Its keys stay in the order of the alphabet, and so its digest stays what it is.
        let parts = [("digest", json!(digest)), ("mediaType", json!(media_type)), ("size", json!(size))];
        parts.into_iter().collect::<BTreeMap<&str, Value>>()
    };
    let of_layer = |layer: &Layer| {
        let suffix = layer.compressed.map(|by| format!("+{by}")).unwrap_or_default();
        descriptor(format!("{LAYER}{suffix}"), &layer.digest, layer.size)
    };
    let manifest: BTreeMap<&str, Value> = [
        ("config", json!(descriptor(CONFIGURATION.to_owned(), config.0, config.1.len() as u64))),
        ("layers", json!(layers.iter().map(of_layer).collect::<Vec<_>>())),
        ("mediaType", json!(OCI_MANIFEST)),
        ("schemaVersion", json!(2)),
    ]
    .into();
    serde_json::to_vec(&manifest).map(Bytes::from).map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::digest_of;

    fn layer(text: &str) -> Layer {
        let compressed = compression(text.as_bytes());
        Layer { digest: digest_of(text.as_bytes(), None).unwrap(), size: text.len() as u64, compressed }
    }

    fn config(layers: &[&str]) -> Vec<u8> {
        let ids: Vec<String> =
            layers.iter().map(|text| digest_of(text.as_bytes(), None).unwrap().to_string()).collect();
        json!({"rootfs": {"diff_ids": ids}}).to_string().into_bytes()
    }

    #[test]
    fn layers_that_are_not_compressed_are_those_of_the_configuration() {
        let right = config(&["one", "two"]);
        let digest = digest_of(&right, None).unwrap();
        let made = manifest((&digest, &right), &[layer("one"), layer("two")]).unwrap();
        let text = std::str::from_utf8(&made).unwrap();
        assert!(text.contains(r#""mediaType":"application/vnd.oci.image.layer.v1.tar","size":3"#), "{text}");
        assert_eq!(made, manifest((&digest, &right), &[layer("one"), layer("two")]).unwrap());
        let told = |layers: &[Layer]| manifest((&digest, &right), layers).unwrap_err();
        assert!(matches!(told(&[layer("two"), layer("one")]), Damage::Digest { .. }));
        assert!(told(&[layer("one")]).to_string().contains("it has 2 layers, and manifest.json has 1"));
    }

    #[test]
    fn a_document_that_is_none_is_told() {
        for document in ["", "{}", "[]", r#"[{"Config":1}]"#] {
            assert!(read(document.as_bytes()).is_err(), "{document}");
        }
        let old = r#"[{"Config":"a.json","RepoTags":null,"Layers":["b/layer.tar"],"Parent":"x"}]"#;
        assert_eq!(read(old.as_bytes()).unwrap()[0].layers, ["b/layer.tar"]);
    }
}
