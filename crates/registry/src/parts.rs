//! What a manifest is made of.

use serde::Deserialize;
use serde_json::Value;
use tagger_core::reference::Digest;

use crate::fault::Fault;
use crate::manifest::ManifestProblem;
use crate::pull::Manifest;

/// The blobs and manifests that a manifest names, by the OCI image specification and Docker's schema 2.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The manifests of an index.
    pub(crate) children: Vec<Digest>,
    /// The configuration and the layers.
    pub(crate) blobs: Vec<Blob>,
}

/// A blob that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Whether it is said to be elsewhere, so that the registry may be without it. Nobody goes there for it.
    pub(crate) foreign: bool,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    /// Of the artifact manifest that the specification had for a while.
    #[serde(default)]
    blobs: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: Digest,
    size: u64,
    #[serde(default)]
    urls: Vec<String>,
}

impl Parts {
    /// Reads them from a manifest. One of a kind that is not JSON has none.
    pub(crate) fn of(manifest: &Manifest) -> Result<Self, Fault> {
        if !manifest.bytes.trim_ascii_start().starts_with(b"{") {
            return Ok(Self::default());
        }
        let read: Result<Document, _> = serde_json::from_slice(&manifest.bytes);
        let document = read.map_err(|_| ManifestProblem::Parts)?;
        let mut blobs: Vec<Blob> = Vec::new();
        for named in document.config.into_iter().chain(document.layers).chain(document.blobs) {
            let blob = Blob { digest: named.digest, size: named.size, foreign: !named.urls.is_empty() };
            blobs.push(blob);
        }
        // Images do name a layer twice, the empty one more often than not.
        blobs.sort_by(|one, other| one.digest.cmp(&other.digest));
        blobs.dedup_by(|one, other| one.digest == other.digest);
        // Large ones first, so that none of them is left alone at the end.
        blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
        let mut children: Vec<Digest> = document.manifests.into_iter().map(|child| child.digest).collect();
        children.sort();
        children.dedup();
        Ok(Self { children, blobs })
    }
}

/// The entries of an index as they stand: what an index of referrers is made of.
pub(crate) fn entries(index: &[u8]) -> Result<Vec<Value>, Fault> {
    #[derive(Deserialize)]
    struct Index {
        manifests: Vec<Value>,
    }
    let index: Index = serde_json::from_slice(index).map_err(|_| ManifestProblem::Parts)?;
    Ok(index.manifests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(document: &str) -> Result<Parts, Fault> {
        let digest = crate::hash::digest_of(document.as_bytes(), None).unwrap();
        Parts::of(&Manifest { digest, media_type: "a/b".into(), bytes: document.to_owned().into() })
    }

    fn digest(number: u8) -> String {
        format!("sha256:{number:064x}")
    }

    fn entry(number: u8, size: i64) -> String {
        format!(r#"{{"digest":"{}","size":{size}}}"#, digest(number))
    }

    #[test]
    fn an_image_is_its_configuration_and_its_layers_each_once_the_largest_first() {
        let document = format!(
            r#"{{"config":{},"layers":[{},{},{}]}}"#,
            entry(1, 5),
            entry(2, 9),
            entry(3, 7),
            entry(2, 9)
        );
        let named: Vec<u64> = parts(&document).unwrap().blobs.iter().map(|blob| blob.size).collect();
        assert_eq!(named, [9, 7, 5]);
    }

    #[test]
    fn an_index_is_its_manifests() {
        let document = format!(r#"{{"manifests":[{},{}]}}"#, entry(2, 1), entry(1, 1));
        assert_eq!(parts(&document).unwrap().children.len(), 2);
    }

    #[test]
    fn a_layer_that_is_said_to_be_elsewhere_is_known_as_such() {
        let layer = format!(r#"{{"digest":"{}","size":1,"urls":["https://a.io/x"]}}"#, digest(1));
        assert!(parts(&format!(r#"{{"layers":[{layer}]}}"#)).unwrap().blobs[0].foreign);
    }

    #[test]
    fn what_is_no_json_has_no_parts_and_what_is_wrong_json_is_refused() {
        assert_eq!(parts("wasm").unwrap(), Parts::default());
        let wrong = [
            r#"{"layers":[{"digest":"sha256:../../x","size":1}]}"#.to_owned(),
            format!(r#"{{"layers":[{}]}}"#, entry(1, -1)),
            format!(r#"{{"layers":[{{"digest":"{}"}}]}}"#, digest(1)),
            r#"{"layers":7}"#.to_owned(),
        ];
        for document in wrong {
            assert_eq!(parts(&document), Err(Fault::ManifestInvalid(ManifestProblem::Parts)), "{document}");
        }
    }
}
