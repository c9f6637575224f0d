//! An image on disk, looked through before any of it goes anywhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tagger_core::reference::Digest;

use super::content::{Content, Kind};
use super::docker::{self, Layer, Saved};
use super::error::{Damage, DiskError, read};
use super::index::{self, Entry, INDEX};
use super::outgoing::look;
use super::platform::choose;
use super::source::Source;
use super::stop::blocking;
use super::tree::Tree;
use crate::fault::shown;
use crate::hash::digest_of;
use crate::inspect::Platform;
use crate::manifest::{MAX_BYTES, OCI_MANIFEST};
use crate::pull::Manifest;

/// Says which image is meant, of a folder or an archive that may have several.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// What it is called there: its name, its tag or its digest.
    pub name: Option<String>,
    /// Only this platform of it.
    pub platform: Option<Platform>,
}

/// An image in a folder or an archive, which was looked through: all that it names is there. Its bytes are hashed when it goes to a
/// registry.
#[derive(Debug)]
pub struct OnDisk {
    pub(super) source: Source,
    pub(super) root: Manifest,
    pub(super) tree: Tree,
}

impl OnDisk {
    /// Looks through an image: a folder or a tar file by the OCI image layout, or a tar file of `docker save`, whichever it is.
    ///
    /// Nothing is unpacked. The layers of a tar file of `docker save` that is no image layout as well are hashed first, and
    /// stay as they are: they are not compressed, and the image has a digest of its own that is always the same.
    pub async fn open(path: &Path, choice: &Choice) -> Result<Self, DiskError> {
        let (path, choice): (PathBuf, Choice) = (path.to_owned(), choice.clone());
        let told = path.clone();
        let opened = blocking(move |_| Ok(look_through(&path, &choice))).await;
        opened.unwrap_or_else(|problem| Err(read(&told, problem)))
    }

    /// The digest of the image.
    pub fn digest(&self) -> &Digest {
        &self.root.digest
    }

    /// The media type of its manifest or index.
    pub fn media_type(&self) -> &str {
        &self.root.media_type
    }

    /// The bytes of all of its blobs.
    pub fn bytes(&self) -> u64 {
        self.tree.bytes()
    }
}

/// Whether a manifest is an index.
pub(super) fn is_index(manifest: &Manifest) -> bool {
    manifest.media_type.contains(".index.") || manifest.media_type.contains("manifest.list")
}

fn look_through(path: &Path, choice: &Choice) -> Result<OnDisk, DiskError> {
    let content = Content::open(path)?;
    let (source, root) = match content.kind()? {
        Kind::Oci => of_oci(content, choice)?,
        Kind::Docker => of_docker(content, choice)?,
    };
    let tree = Tree::grow(&source, &root)?;
    Ok(OnDisk { source, root, tree })
}

fn of_oci(content: Content, choice: &Choice) -> Result<(Source, Manifest), DiskError> {
    let document = content.document(INDEX, MAX_BYTES)?;
    let source = Source { content, names: HashMap::new(), made: None };
    let entries = index::entries(&document).map_err(|problem| invalid(&source, INDEX, problem))?;
    let entry = chosen(&source, &entries, choice, Entry::names)?;
    let root = source.manifest(&entry.digest, entry.media_type.as_deref())?;
    let root = match choice.platform.as_ref().filter(|_| is_index(&root)) {
        None => root,
        Some(platform) => {
            let unfit = |problem| DiskError::Unfit { path: source.content.path.clone(), problem };
            source.manifest(&choose(&root.bytes, Some(platform)).map_err(unfit)?, None)?
        }
    };
    Ok((source, root))
}

fn of_docker(content: Content, choice: &Choice) -> Result<(Source, Manifest), DiskError> {
    let document = content.document(docker::MANIFEST, MAX_BYTES)?;
    let mut source = Source { content, names: HashMap::new(), made: None };
    let images = docker::read(&document).map_err(|problem| invalid(&source, docker::MANIFEST, problem))?;
    let saved = chosen(&source, &images, choice, called)?;
    let file = plain(&saved.config);
    let config = source.content.document(&file, MAX_BYTES)?;
    let missing = |name: &str| source.damaged(Damage::Missing(shown(name)));
    let digest = digest_of(&config, None).ok_or_else(|| missing(&file))?;
    let (mut layers, mut names) = (Vec::new(), HashMap::from([(digest.clone(), file)]));
    for layer in &saved.layers {
        let file = plain(layer);
        let extent = source.content.extent(&file)?;
        let looked = look(&extent, &digest).map_err(|problem| read(&source.content.path, problem))?;
        let (hashed, beginning) = (looked.0.ok_or_else(|| missing(layer))?, looked.1);
        names.insert(hashed.clone(), file);
        let compressed = docker::compression(&beginning);
        layers.push(Layer { digest: hashed, size: extent.size, compressed });
    }
    let bytes = docker::manifest((&digest, &config), &layers).map_err(|problem| source.damaged(problem))?;
    let digest = digest_of(&bytes, None).ok_or_else(|| missing(docker::MANIFEST))?;
    let made = Manifest { digest, media_type: OCI_MANIFEST.to_owned(), bytes };
    (source.names, source.made) = (names, Some(made.clone()));
    Ok((source, made))
}

/// The one that is meant of several.
fn chosen<'a, T>(
    source: &Source,
    there: &'a [T],
    choice: &Choice,
    names: impl Fn(&T) -> Vec<&str>,
) -> Result<&'a T, DiskError> {
    let path = source.content.path.clone();
    let listed = || there.iter().filter_map(|one| names(one).first().map(shown)).collect();
    match (&choice.name, there) {
        (None, [one]) => Ok(one),
        (None, _) => Err(DiskError::Several { path, names: listed() }),
        (Some(name), _) => {
            let mut meant = there.iter().filter(|one| names(one).contains(&name.as_str()));
            match (meant.next(), meant.next()) {
                (Some(one), None) => Ok(one),
                (None, _) => Err(DiskError::NoSuch { path, name: name.clone(), names: listed() }),
                (Some(_), Some(_)) => Err(DiskError::Several { path, names: listed() }),
            }
        }
    }
}

fn called(saved: &Saved) -> Vec<&str> {
    let tags = saved.repo_tags.iter().flatten().map(String::as_str);
    tags.chain([saved.config.as_str()]).collect()
}

/// A path as the archive's table has it.
fn plain(path: &str) -> String {
    path.trim_start_matches("./").to_owned()
}

fn invalid(source: &Source, name: &str, problem: String) -> DiskError {
    source.damaged(Damage::Document { name: name.to_owned(), problem: shown(problem) })
}
