//! The parts of an image on disk, by their digests.

use std::collections::HashMap;

use tagger_core::reference::Digest;

use super::content::{Content, Extent};
use super::error::{Damage, DiskError, damaged};
use super::store::name;
use crate::hash::digest_of;
use crate::manifest::{MAX_BYTES, media_type};
use crate::pull::Manifest;

/// A folder or an archive, and how its parts are found by their digests.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) content: Content,
    /// Files that are not under their digests.
    pub(super) names: HashMap<Digest, String>,
    /// A manifest that was made for an archive that has none.
    pub(super) made: Option<Manifest>,
}

impl Source {
    /// A manifest, hashed.
    pub(super) fn manifest(&self, digest: &Digest, said: Option<&str>) -> Result<Manifest, DiskError> {
        if let Some(made) = self.made.as_ref().filter(|made| made.digest == *digest) {
            return Ok(made.clone());
        }
        let bytes = self.content.document(&self.name(digest), MAX_BYTES)?;
        match digest_of(&bytes, Some(digest)) {
            Some(actual) if actual == *digest => {}
            Some(actual) => return Err(self.damaged(Damage::Digest { expected: digest.clone(), actual })),
            None => return Err(self.damaged(Damage::Missing(digest.to_string()))),
        }
        let media_type = media_type(&bytes, said)
            .map_err(|problem| self.damaged(Damage::Manifest { digest: digest.clone(), problem }))?;
        Ok(Manifest { digest: digest.clone(), media_type, bytes })
    }

    /// The bytes that a part has; none where it is not there.
    pub(super) fn size(&self, digest: &Digest) -> Result<Option<u64>, DiskError> {
        match self.made.as_ref().filter(|made| made.digest == *digest) {
            Some(made) => Ok(Some(made.bytes.len() as u64)),
            None => self.content.size(&self.name(digest)),
        }
    }

    /// Where the bytes of a part are.
    pub(super) fn extent(&self, digest: &Digest) -> Result<Extent, DiskError> {
        self.content.extent(&self.name(digest))
    }

    /// The error of what is wrong with it.
    pub(super) fn damaged(&self, problem: Damage) -> DiskError {
        damaged(&self.content.path, problem)
    }

    fn name(&self, digest: &Digest) -> String {
        self.names.get(digest).cloned().unwrap_or_else(|| name(digest))
    }
}
