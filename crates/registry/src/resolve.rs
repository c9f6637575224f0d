use tagger_core::reference::{Digest, Reference, Registry, Repository};

use crate::fault::Fault;
use crate::keychain::{Credential, Keychain};
use crate::pull::{Manifest, Pointed};
use crate::remote::Remote;

/// Says what a reference points at, and what that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The reference with its registry and with the tag that was asked for.
    pub reference: Reference,
    /// The digest of the manifest; for an image of several platforms, that of its index.
    pub digest: Digest,
    /// The media type of the manifest.
    pub media_type: String,
    /// The bytes of the manifest, when it was read and hashed just now; none when its digest was known.
    pub size: Option<u64>,
}

/// One look-up at one place.
pub(crate) struct Lookup<'a, K> {
    pub(crate) remote: Remote,
    /// What is looked up, by the name that people gave it; has its registry already.
    pub(crate) reference: &'a Reference,
    pub(crate) known: &'a K,
}

impl<K: Fn(&Digest) -> Option<String>> Lookup<'_, K> {
    /// `sole` says that there is no other registry to find it in, so that a known digest need not be looked for.
    pub(crate) async fn run(&self, sole: bool) -> Result<Resolved, Fault> {
        if let Some(digest) = self.reference.digest() {
            return match (self.known)(digest) {
                Some(media_type) if sole => Ok(self.resolved(digest.clone(), media_type, None)),
                Some(media_type) => match self.remote.pointed(digest.as_str()).await? {
                    Some(_) => Ok(self.resolved(digest.clone(), media_type, None)),
                    None => Err(Fault::NotFound),
                },
                None => {
                    self.remote.manifest(digest).await?.map(|read| self.read(read)).ok_or(Fault::NotFound)
                }
            };
        }
        let tag = self.reference.tag().map_or("latest", |tag| tag.as_str());
        let digest = match self.remote.pointed(tag).await?.ok_or(Fault::NotFound)? {
            Pointed::At(digest) => digest,
            Pointed::Read(manifest) => return Ok(self.read(manifest)),
        };
        match (self.known)(&digest) {
            Some(media_type) => Ok(self.resolved(digest, media_type, None)),
            None => match self.remote.manifest(&digest).await? {
                Some(manifest) => Ok(self.read(manifest)),
                None => Err(Fault::Moved(digest)),
            },
        }
    }

    fn read(&self, manifest: Manifest) -> Resolved {
        let is_new = (self.known)(&manifest.digest).is_none();
        let size = is_new.then_some(manifest.bytes.len() as u64);
        self.resolved(manifest.digest, manifest.media_type, size)
    }

    fn resolved(&self, digest: Digest, media_type: String, size: Option<u64>) -> Resolved {
        Resolved { reference: self.reference.clone(), digest, media_type, size }
    }
}

/// The credentials of several keychains: those of the first one first, no credential twice.
pub(crate) fn gather(
    keychains: &[impl AsRef<dyn Keychain>],
    registry: &Registry,
    repository: &Repository,
) -> Vec<Credential> {
    let mut gathered: Vec<Credential> = Vec::new();
    for keychain in keychains {
        for credential in keychain.as_ref().credentials(registry, repository) {
            if gathered.len() < MAX_CREDENTIALS && gathered.iter().all(|other| other.id() != credential.id())
            {
                gathered.push(credential);
            }
        }
    }
    gathered
}

/// The most credentials that are tried for one look-up.
const MAX_CREDENTIALS: usize = 16;
