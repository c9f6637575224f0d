//! Saves an image from a registry to disk.

use std::path::Path;

use tagger_core::reference::{Digest, Reference};

use super::Layout;
use super::docker;
use super::error::{SaveError, write};
use super::fetch::{Broken, Fetching, MAX_DEPTH};
use super::image::is_index;
use super::outgoing::Tell;
use super::place::Place;
use super::platform::{ImageProblem, choose};
use super::stop::blocking;
use crate::client::Client;
use crate::copy::Amount;
use crate::error::Error;
use crate::fault::Fault;
use crate::inspect::Platform;
use crate::pull::Manifest;

/// Says how an image is saved.
#[derive(Clone, Default)]
pub struct SaveOptions {
    /// How it is laid out.
    pub layout: Layout,
    /// Only this platform, of an image for several.
    pub platform: Option<Platform>,
    /// What it is called on disk, where that is not the name that it is read by.
    pub name: Option<Reference>,
    /// Told of each step, from whichever thread takes it. It must not block.
    pub progress: Tell,
}

/// Says what came of saving an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The digest of the manifest or index that was saved: that of the image, or of one platform of it.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// The blobs that came from the registry.
    pub fetched: Amount,
    /// The blobs that were on the disk, by an earlier try or by another image.
    pub present: Amount,
}

impl Client {
    /// Saves what `source` names to disk, each byte as it is: all of its platforms and layers, or one platform.
    ///
    /// Everything is hashed as it comes, and has its name only when it is right: a blob, and the folder or file as a whole. One that
    /// broke off, or was dropped, goes on where it was when it is done again. What gathers is beside the path, in a folder whose
    /// name ends in `.part`; an archive is made of it at the end. A folder that is an image layout already keeps its images, and
    /// gets this one too. Memory does not grow with the image.
    pub async fn save(
        &self,
        source: &Reference,
        path: &Path,
        options: &SaveOptions,
    ) -> Result<Saved, SaveError> {
        let (places, digest) = self.find(source).await?;
        let told = |fault| SaveError::Registry(Error::At { reference: source.clone(), fault });
        let (owned, layout) = (path.to_owned(), options.layout);
        let place = blocking(move |_| Ok(Place::prepare(&owned, layout))).await;
        let place = place.unwrap_or_else(|problem| Err(write(path, problem)))?;
        let mut outcome = Err(told(Fault::NotFound));
        for (from, left) in places.iter().zip((0..places.len()).rev()) {
            let from = self.reader(from).map_err(told)?;
            let registry = from.registry.clone();
            let fetching = Fetching::new(from, place.store.clone(), options.progress.clone());
            outcome =
                save(&fetching, &digest, &place, source, options).await.map_err(|broken| match broken {
                    // It was there a moment ago, by the tag.
                    Broken::Registry(Fault::PartMissing(gone)) if gone == digest => match source.digest() {
                        Some(_) => told(Fault::NotFound),
                        None => told(Fault::Moved(gone)),
                    },
                    Broken::Registry(fault) => told(fault),
                    Broken::Disk(error) => error.into(),
                    Broken::Unfit(problem) => problem.into(),
                });
            match &outcome {
                // What a mirror has given is not asked for again.
                Err(SaveError::Registry(error)) if left > 0 => {
                    tracing::warn!(%source, mirror = %registry, %error, "the mirror is passed over");
                }
                _ => break,
            }
        }
        outcome
    }
}

/// Saves from one place.
async fn save(
    fetching: &Fetching,
    digest: &Digest,
    place: &Place,
    source: &Reference,
    options: &SaveOptions,
) -> Result<Saved, Broken> {
    let root = fetching.manifest(digest).await?;
    let root = chosen(fetching, root, options).await?;
    fetching.image(&root, 0).await?;
    let name = options.name.as_ref().unwrap_or(source);
    let name = match (name.registry(), name.tag()) {
        (Some(registry), Some(tag)) => {
            Reference::tagged(registry.clone(), name.repository().clone(), tag.clone())
        }
        _ => name.clone(),
    };
    match options.layout {
        Layout::OciDir => place.seal_folder(&root, &name, fetching.blobs()).await?,
        Layout::OciArchive => place.seal_archive(&root, &name, fetching.blobs(), None).await?,
        Layout::DockerArchive => {
            let image = docker::runnable(&root)?;
            let here = fetching.blobs();
            if let Some(layer) = image.layers.iter().find(|layer| !here.contains_key(&layer.digest)) {
                return Err(ImageProblem::LayerElsewhere(layer.digest.clone()).into());
            }
            let saved = docker::saved(&image, &name);
            place.seal_archive(&root, &name, here, Some(saved)).await?;
        }
    }
    let (fetched, present) = fetching.amounts();
    Ok(Saved { digest: root.digest, media_type: root.media_type, fetched, present })
}

/// The image that is meant: all of it, or one platform.
async fn chosen(fetching: &Fetching, root: Manifest, options: &SaveOptions) -> Result<Manifest, Broken> {
    let needs_one = options.layout == Layout::DockerArchive;
    let Some(wanted) = options.platform.as_ref().map(Some).or(needs_one.then_some(None)) else {
        return Ok(root);
    };
    let mut manifest = root;
    for _ in 0..MAX_DEPTH {
        if !is_index(&manifest) {
            break;
        }
        manifest = fetching.manifest(&choose(&manifest.bytes, wanted)?).await?;
    }
    let image = match docker::runnable(&manifest) {
        Ok(image) => image,
        Err(problem) if needs_one => return Err(problem.into()),
        // What is no container image says nowhere what it is for.
        Err(_) => return Ok(manifest),
    };
    let is = fetching.platform(&image.config.digest, image.config.size).await?;
    match (is, wanted) {
        (Some(is), Some(wanted)) if !wanted.means(&is) => {
            Err(ImageProblem::NoPlatform { wanted: wanted.clone(), there: vec![is] }.into())
        }
        _ => Ok(manifest),
    }
}
