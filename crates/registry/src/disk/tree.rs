//! What an image on disk consists of, in the order in which it may be pushed.

use std::collections::HashMap;

use tagger_core::reference::Digest;

use super::error::{Damage, DiskError};
use super::source::Source;
use crate::fault::Fault;
use crate::manifest::{MAX_ENTRIES, ManifestProblem};
use crate::parts::{Blob, Parts};
use crate::pull::Manifest;

/// How deep indexes are within one another.
const MAX_DEPTH: usize = 8;

/// The manifests of an image, by how many are beneath one another: those that name blobs alone, those that name them, and so on.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) levels: Vec<Vec<Node>>,
    heights: HashMap<Digest, usize>,
}

/// A manifest.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) digest: Digest,
    pub(super) media_type: String,
    /// The bytes of the blobs that it names.
    pub(super) bytes: u64,
}

impl Tree {
    /// Looks at all that the root names: each part has to be there, and to have the size that it should.
    pub(super) fn grow(source: &Source, root: &Manifest) -> Result<Self, DiskError> {
        let mut tree = Self::default();
        tree.add(source, root, 0)?;
        Ok(tree)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.levels.iter().flatten().fold(0, |sum, node| sum.saturating_add(node.bytes))
    }

    fn add(&mut self, source: &Source, manifest: &Manifest, depth: usize) -> Result<usize, DiskError> {
        if let Some(height) = self.heights.get(&manifest.digest) {
            return Ok(*height);
        }
        let damage = |problem| source.damaged(problem);
        if depth > MAX_DEPTH {
            return Err(damage(Damage::TooMany { what: "indexes within one another", limit: MAX_DEPTH }));
        }
        let parts = parts(manifest).map_err(damage)?;
        if self.heights.len() + parts.children.len() > MAX_ENTRIES {
            return Err(damage(Damage::TooMany { what: "manifests", limit: MAX_ENTRIES }));
        }
        let mut bytes: u64 = 0;
        for blob in &parts.blobs {
            match source.size(&blob.digest)? {
                Some(actual) if actual == blob.size => bytes = bytes.saturating_add(actual),
                Some(actual) => {
                    let (name, expected) = (blob.digest.to_string(), blob.size);
                    return Err(damage(Damage::Size { name, expected, actual }));
                }
                // A layer that is said to be elsewhere need not be here.
                None if blob.foreign => {}
                None => return Err(damage(Damage::Missing(blob.digest.to_string()))),
            }
        }
        let mut height = 0;
        for child in &parts.children {
            if source.size(child)?.is_none() {
                return Err(damage(Damage::Missing(child.to_string())));
            }
            let child = source.manifest(child, None)?;
            height = height.max(1 + self.add(source, &child, depth + 1)?);
        }
        self.heights.insert(manifest.digest.clone(), height);
        if self.levels.len() <= height {
            self.levels.resize_with(height + 1, Vec::new);
        }
        let (digest, media_type) = (manifest.digest.clone(), manifest.media_type.clone());
        self.levels[height].push(Node { digest, media_type, bytes });
        Ok(height)
    }
}

/// The parts of a manifest on disk.
fn parts(manifest: &Manifest) -> Result<Parts, Damage> {
    let problem = |fault| match fault {
        Fault::ManifestInvalid(problem) => problem,
        _ => ManifestProblem::Parts,
    };
    Parts::of(manifest)
        .map_err(|fault| Damage::Manifest { digest: manifest.digest.clone(), problem: problem(fault) })
}

/// The blobs of a manifest that are here.
pub(super) fn blobs(source: &Source, manifest: &Manifest) -> Result<Vec<Blob>, DiskError> {
    let parts = parts(manifest).map_err(|problem| source.damaged(problem))?;
    let mut here = Vec::new();
    for blob in parts.blobs {
        if !blob.foreign || source.size(&blob.digest)?.is_some() {
            here.push(blob);
        }
    }
    Ok(here)
}
