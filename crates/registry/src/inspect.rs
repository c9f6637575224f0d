//! Tells what an image is made of, as far as its manifests and its configuration say it. No layer is read.

mod configuration;
mod platform;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use tagger_core::reference::{Digest, Reference};

use crate::client::Client;
use crate::download::Download;
use crate::error::Error;
use crate::fault::Fault;
use crate::manifest::{ManifestProblem, OCI_MANIFEST};
use crate::pull::Manifest;
use crate::push::Pieces;
use crate::remote::Remote;
use crate::search::{Asked, Question};

pub use configuration::Configuration;
pub use platform::{Platform, PlatformError};

/// The most bytes of a configuration: it is as long as a manifest may be.
const MAX_CONFIGURATION: usize = 4 * 1024 * 1024;
/// By this annotation builders mark what they put into an index beside its images.
const BESIDE: &str = "vnd.docker.reference.type";

/// Says what a reference names: an index of images for several platforms, one image, or another artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The reference with its registry.
    pub reference: Reference,
    /// The digest of the manifest or index.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// What it says it is, where it is no image.
    pub artifact_type: Option<String>,
    /// The annotations of the manifest or index.
    pub annotations: BTreeMap<String, String>,
    /// The images that an index has; none of anything else. Attestations in it are no images.
    pub platforms: Vec<Child>,
    /// The image: of an index the one for the platform that was asked for, or the only one. None where an index has several
    /// and none was chosen, or none for the platform that was.
    pub image: Option<Content>,
}

/// An image that an index names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// For which machines it is; none where the index does not say.
    pub platform: Option<Platform>,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The bytes of its manifest.
    pub size: u64,
    /// The media type of its manifest.
    pub media_type: String,
}

/// What one manifest is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The digest of the manifest.
    pub digest: Digest,
    /// For which machines it is, by the index or by its own configuration.
    pub platform: Option<Platform>,
    /// How it runs; none of what is no image, such as a Helm chart.
    pub configuration: Option<Configuration>,
    /// The media type of its configuration; by it, artifacts say what they are.
    pub configuration_type: Option<String>,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
    /// The bytes of its configuration and of its layers, each once, as they travel.
    pub size: u64,
}

/// A layer of an image, as it travels: compressed, more often than not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
}

impl Client {
    /// Says what an image is made of, having hashed all that says so. An index for several platforms is told with them;
    /// [`Client::inspect_platform`] looks into one.
    ///
    /// Looked for where [`Client::resolve`] looks. Of an artifact that is no image it tells what there is.
    pub async fn inspect(&self, reference: &Reference) -> Result<Inspected, Error> {
        self.search(reference, &Look { platform: None }).await
    }

    /// The same, looking into the image for one platform. [`Inspected::image`] is none where there is no such image.
    pub async fn inspect_platform(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Inspected, Error> {
        self.search(reference, &Look { platform: Some(platform.clone()) }).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
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
#[serde(rename_all = "camelCase")]
struct Descriptor {
    digest: Digest,
    size: u64,
    #[serde(default)]
    media_type: String,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl Document {
    /// Reads a manifest. One of a kind that is not JSON says nothing.
    fn of(manifest: &Manifest) -> Result<Self, Fault> {
        let document = match manifest.bytes.trim_ascii_start().starts_with(b"{") {
            true => manifest.bytes.as_ref(),
            false => b"{}",
        };
        Ok(serde_json::from_slice(document).map_err(|_| ManifestProblem::Parts)?)
    }

    /// The images of an index, in its order.
    fn children(&self) -> Vec<Child> {
        let is_beside = |entry: &Descriptor| {
            entry.annotations.as_ref().is_some_and(|told| told.contains_key(BESIDE))
                || entry.platform.as_ref().is_some_and(|platform| !platform.is_known())
        };
        let child = |entry: &Descriptor| Child {
            platform: entry.platform.clone(),
            digest: entry.digest.clone(),
            size: entry.size,
            media_type: match entry.media_type.as_str() {
                "" => OCI_MANIFEST.to_owned(),
                said => said.to_owned(),
            },
        };
        self.manifests.iter().filter(|entry| !is_beside(entry)).map(child).collect()
    }
}

/// The child that is looked into: the one for the platform that was asked for, or the only one.
fn chosen<'a>(children: &'a [Child], platform: Option<&Platform>) -> Option<&'a Child> {
    match (platform, children) {
        (Some(meant), _) => {
            children.iter().find(|child| child.platform.as_ref().is_some_and(|other| meant.means(other)))
        }
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// What an image is made of, at one place.
struct Look {
    platform: Option<Platform>,
}

impl Question for Look {
    type Answer = Inspected;

    async fn ask(&self, Asked { remote, reference, .. }: Asked<'_>) -> Result<Inspected, Fault> {
        let manifest = match reference.digest() {
            Some(digest) => remote.manifest(digest).await?,
            None => remote.tagged(reference.tag().map_or("latest", |tag| tag.as_str())).await?,
        };
        let manifest = manifest.ok_or(Fault::NotFound)?;
        let document = Document::of(&manifest)?;
        let platforms = document.children();
        let image = match document.manifests.is_empty() {
            true => Some(remote.content(&manifest.digest, None, &document).await?),
            false => match chosen(&platforms, self.platform.as_ref()) {
                Some(child) => Some(remote.child(child).await?),
                None => None,
            },
        };
        let meant = |content: &Content| match (&self.platform, &content.platform) {
            (Some(meant), Some(is)) => meant.means(is),
            _ => true,
        };
        Ok(Inspected {
            reference: reference.clone(),
            digest: manifest.digest,
            media_type: manifest.media_type,
            artifact_type: document.artifact_type,
            annotations: document.annotations.unwrap_or_default(),
            platforms,
            image: image.filter(meant),
        })
    }
}

impl Remote {
    /// Looks into a manifest that an index names.
    async fn child(&self, child: &Child) -> Result<Content, Fault> {
        let missing = || Fault::PartMissing(child.digest.clone());
        let manifest = self.manifest(&child.digest).await?.ok_or_else(missing)?;
        self.content(&child.digest, child.platform.clone(), &Document::of(&manifest)?).await
    }

    async fn content(
        &self,
        digest: &Digest,
        platform: Option<Platform>,
        document: &Document,
    ) -> Result<Content, Fault> {
        let is_image = |config: &&Descriptor| Configuration::is_of(&config.media_type);
        let configuration = match document.config.as_ref().filter(is_image) {
            Some(config) => Some(Configuration::read(&self.small_blob(&config.digest, config.size).await?)),
            None => None,
        };
        let own = || configuration.as_ref().and_then(|configuration| configuration.platform.clone());
        let layers = document.layers.iter().chain(&document.blobs);
        let blobs = layers.clone().chain(&document.config);
        let blobs: BTreeMap<&Digest, u64> = blobs.map(|blob| (&blob.digest, blob.size)).collect();
        let layer = |layer: &Descriptor| Layer {
            digest: layer.digest.clone(),
            size: layer.size,
            media_type: layer.media_type.clone(),
        };
        Ok(Content {
            digest: digest.clone(),
            platform: platform.or_else(own),
            configuration_type: document.config.as_ref().map(|config| config.media_type.clone()),
            layers: layers.map(layer).collect(),
            size: blobs.values().fold(0, |sum: u64, size| sum.saturating_add(*size)),
            configuration,
        })
    }

    /// A blob that fits in memory, hashed.
    async fn small_blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, Fault> {
        if size > MAX_CONFIGURATION as u64 {
            return Err(Fault::TooMuch { what: "bytes of configuration", limit: MAX_CONFIGURATION });
        }
        let mut download = Download::new(self.clone(), digest.clone(), size, Arc::default());
        let mut bytes = Vec::new();
        while let Some(piece) = download.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}
