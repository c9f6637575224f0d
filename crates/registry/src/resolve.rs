use tagger_core::reference::{Digest, Reference, Registry, Repository};

use crate::fault::Fault;
use crate::keychain::{Credential, Keychain};
use crate::pull::{Manifest, Pointed};
use crate::search::{Asked, Question};

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

/// What a reference points at, hashed where it is not known.
pub(crate) struct Lookup<K> {
    /// The media type of a digest that is known.
    pub(crate) known: K,
}

impl<K: Fn(&Digest) -> Option<String> + Send + Sync> Question for Lookup<K> {
    type Answer = Resolved;

    async fn ask(&self, Asked { remote, reference, sole }: Asked<'_>) -> Result<Resolved, Fault> {
        let told = |digest, media_type| resolved(reference, digest, media_type, None);
        if let Some(digest) = reference.digest() {
            return match (self.known)(digest) {
                Some(media_type) if sole => Ok(told(digest.clone(), media_type)),
                Some(media_type) => match remote.pointed(digest.as_str()).await? {
                    Some(_) => Ok(told(digest.clone(), media_type)),
                    None => Err(Fault::NotFound),
                },
                None => match remote.manifest(digest).await? {
                    Some(manifest) => Ok(self.read(reference, manifest)),
                    None => Err(Fault::NotFound),
                },
            };
        }
        let digest = match remote.pointed(target(reference)).await?.ok_or(Fault::NotFound)? {
            Pointed::At(digest) => digest,
            Pointed::Read(manifest) => return Ok(self.read(reference, manifest)),
        };
        match (self.known)(&digest) {
            Some(media_type) => Ok(told(digest, media_type)),
            // Were it put off, the next look would begin with the HEAD again, and never come to this.
            None => match remote.urgent().manifest(&digest).await? {
                Some(manifest) => Ok(self.read(reference, manifest)),
                None => Err(Fault::Moved(digest)),
            },
        }
    }
}

impl<K: Fn(&Digest) -> Option<String>> Lookup<K> {
    fn read(&self, reference: &Reference, manifest: Manifest) -> Resolved {
        let is_new = (self.known)(&manifest.digest).is_none();
        let size = is_new.then_some(manifest.bytes.len() as u64);
        resolved(reference, manifest.digest, manifest.media_type, size)
    }
}

fn resolved(reference: &Reference, digest: Digest, media_type: String, size: Option<u64>) -> Resolved {
    Resolved { reference: reference.clone(), digest, media_type, size }
}

/// What a reference points at, by the registry's word.
pub(crate) struct Pointer;

impl Question for Pointer {
    type Answer = Digest;

    async fn ask(&self, Asked { remote, reference, .. }: Asked<'_>) -> Result<Digest, Fault> {
        remote.digest_at(target(reference)).await?.ok_or(Fault::NotFound)
    }
}

/// What is asked for in the reference's repository: its digest, or else its tag.
fn target(reference: &Reference) -> &str {
    let tag = || reference.tag().map_or("latest", |tag| tag.as_str());
    reference.digest().map_or_else(tag, |digest| digest.as_str())
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
