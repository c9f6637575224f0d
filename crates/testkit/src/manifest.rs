//! Manifests and blobs as bytes, and how they get into a registry.

use std::collections::HashSet;
use std::sync::Mutex;

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::future::{BoxFuture, try_join_all};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::target::Target;

/// Some bytes that a manifest refers to.
#[derive(Clone, Debug)]
pub struct Blob {
    /// What the bytes are.
    pub media_type: String,
    /// The digest of the bytes.
    pub digest: String,
    /// The bytes.
    pub bytes: Bytes,
}

impl Blob {
    /// A blob of these bytes.
    pub fn new(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { media_type: media_type.to_owned(), digest: digest(&bytes), bytes }
    }

    /// The descriptor by which a manifest refers to the blob.
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

/// A manifest or an index, with all that it refers to.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The `Content-Type` that it is pushed with.
    pub media_type: String,
    /// Its bytes, which may be anything.
    pub bytes: Bytes,
    /// The blobs to push before it.
    pub blobs: Vec<Blob>,
    /// The manifests to push before it.
    pub children: Vec<Manifest>,
}

/// What has been pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The manifest's digest.
    pub digest: String,
    /// The manifest's media type.
    pub media_type: String,
    /// The manifest's bytes.
    pub bytes: Bytes,
}

impl Pushed {
    /// The descriptor by which others refer to it.
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

impl Manifest {
    /// A manifest of any bytes at all, for odd cases.
    pub fn raw(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        Self {
            media_type: media_type.to_owned(),
            bytes: bytes.into(),
            blobs: Vec::new(),
            children: Vec::new(),
        }
    }

    /// A manifest whose bytes are this JSON.
    pub(crate) fn json(content: &Value, blobs: Vec<Blob>, children: Vec<Self>) -> Self {
        let media_type = content["mediaType"].as_str().unwrap_or_default().to_owned();
        Self { media_type, bytes: content.to_string().into(), blobs, children }
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> String {
        digest(&self.bytes)
    }

    /// Pushes the manifest with all that it refers to; an empty `reference` means its digest.
    pub async fn push(
        &self,
        target: &impl AsRef<Target>,
        repository: &str,
        reference: &str,
    ) -> Result<Pushed> {
        self.push_all(target.as_ref(), repository, reference, &Mutex::default()).await
    }

    pub(crate) fn pushed(&self) -> Pushed {
        Pushed { digest: self.digest(), media_type: self.media_type.clone(), bytes: self.bytes.clone() }
    }

    /// Pushes what isn't `known` to be there, and notes what is there afterwards.
    fn push_all<'a>(
        &'a self,
        target: &'a Target,
        repository: &'a str,
        reference: &'a str,
        known: &'a Mutex<HashSet<String>>,
    ) -> BoxFuture<'a, Result<Pushed>> {
        async move {
            let is_known =
                |digest: &str| known.lock().is_ok_and(|known| known.contains(&place(repository, digest)));
            let blobs = self.blobs.iter().filter(|blob| !is_known(&blob.digest));
            try_join_all(blobs.map(async |blob| {
                target.push_blob(repository, blob).await?;
                if let Ok(mut known) = known.lock() {
                    known.insert(place(repository, &blob.digest));
                }
                anyhow::Ok(())
            }))
            .await?;
            for child in &self.children {
                child.push_all(target, repository, "", known).await?;
            }
            let digest = self.digest();
            let reference = if reference.is_empty() { &digest } else { reference };
            target.push_manifest(repository, reference, self).await
        }
        .boxed()
    }
}

/// Pushes many manifests, each to its repository and tag, `at_once` at a time.
///
/// A blob that several of them share is pushed and asked for once, which makes thousands of tags
/// cheap when only their configurations differ.
pub async fn push_many(
    target: &impl AsRef<Target>,
    at_once: usize,
    manifests: &[(Manifest, String, String)],
) -> Result<Vec<Pushed>> {
    ensure!(at_once > 0, "pushing nothing at a time takes for ever");
    let known = Mutex::default();
    let target = target.as_ref();
    let Some(((first, repository, reference), rest)) = manifests.split_first() else { return Ok(Vec::new()) };
    // The first goes alone: it brings the shared blobs, which the rest then need not ask for.
    let mut pushed = vec![first.push_all(target, repository, reference, &known).await?];
    let pushes = rest.iter().map(async |(manifest, repository, reference)| {
        manifest.push_all(target, repository, reference, &known).await
    });
    pushed.extend(stream::iter(pushes).buffered(at_once).try_collect::<Vec<_>>().await?);
    Ok(pushed)
}

fn place(repository: &str, digest: &str) -> String {
    format!("{repository}@{digest}")
}

/// The digest of some bytes, as registries write it.
pub fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
