//! SKELETON: the lead replaces this file.
use std::sync::Arc;

use tagger_core::reference::{Digest, Reference, Registry, Repository, TagName};

use crate::client::Client;
use crate::error::{Error, Retry};
use crate::fault::Fault;

/// Says where a copy goes, and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The registry.
    pub registry: Registry,
    /// The repository.
    pub repository: Repository,
    /// The tags that the copy is given, when all of it is there.
    pub tags: Vec<TagName>,
}

/// What goes with a copy.
#[derive(Clone, Default)]
pub struct CopyOptions {
    /// Whether signatures, SBOMs and attestations follow.
    pub referrers: bool,
    /// Told of each step.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

/// A step of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes of blobs are to be there.
    Found(u64),
    /// So many more bytes of blobs are there.
    Done(u64),
}

/// So many blobs, of so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What came of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The digest of the manifest or index.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub size: u64,
    /// What travelled.
    pub sent: Amount,
    /// What the destination took from another of its repositories.
    pub mounted: Amount,
    /// What was there.
    pub present: Amount,
    /// How many signatures and the like followed.
    pub referrers: usize,
}

/// Says at which end a copy failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// Where it is read.
    #[error("{0}")]
    Source(Error),
    /// Where it is written.
    #[error("{0}")]
    Destination(Error),
}

impl CopyError {
    /// One fixed word for what failed.
    pub fn reason(&self) -> &'static str {
        self.error().reason()
    }
    /// Whether trying again is worth it.
    pub fn retry(&self) -> Retry {
        self.error().retry()
    }
    /// What failed.
    pub fn fault(&self) -> &Fault {
        self.error().fault()
    }
    fn error(&self) -> &Error {
        match self {
            Self::Source(error) | Self::Destination(error) => error,
        }
    }
}

/// What came of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Removed,
    /// It was not there.
    NotThere,
    /// The registry forbids it.
    Unsupported,
}

impl Client {
    /// Copies an image, whole.
    pub async fn copy(
        &self,
        source: &Reference,
        to: &Client,
        destination: &Destination,
        options: &CopyOptions,
    ) -> Result<Copied, CopyError> {
        let _ = (to, destination, options);
        Err(CopyError::Source(Error::At { reference: source.clone(), fault: Fault::NotFound }))
    }

    /// The same client, with these credentials in place of those that it has.
    #[must_use]
    pub fn with_only(&self, keychain: impl crate::keychain::Keychain + 'static) -> Self {
        self.with_keychain(keychain)
    }

    /// Gives a manifest another tag.
    pub async fn tag(&self, reference: &Reference, tag: &TagName) -> Result<(), Error> {
        let _ = (reference, tag);
        Ok(())
    }

    /// Removes a tag or a manifest.
    pub async fn remove(&self, reference: &Reference) -> Result<Removal, Error> {
        let _ = reference;
        Ok(Removal::Unsupported)
    }

    /// The tags of a repository.
    pub async fn tags(&self, reference: &Reference) -> Result<Vec<TagName>, Error> {
        let _ = reference;
        Ok(Vec::new())
    }
}
