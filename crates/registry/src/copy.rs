//! Copies images from registry to registry: whole, byte for byte, and through memory alone.

mod attached;
mod blob;
pub(crate) mod flights;
mod image;
mod shared;
pub(crate) mod tally;

use std::sync::Arc;

use tagger_core::reference::{Digest, Reference, Registry, Repository, TagName};

use crate::client::Client;
use crate::error::{Error, Retry};
use crate::fault::Fault;
use crate::push::NotSent;
use crate::registries_conf::Place;
use image::Copying;
pub(crate) use shared::Shared;

/// Says where a copy goes, and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The registry.
    pub registry: Registry,
    /// The repository.
    pub repository: Repository,
    /// The tags that the copy is given when all of it is there. With none, it can be had by its digest alone, and some
    /// registries clear such images away.
    pub tags: Vec<TagName>,
}

impl Destination {
    /// The copy by its digest, as it can be pulled.
    pub fn by_digest(&self, digest: &Digest) -> Reference {
        Reference::of_digest(self.registry.clone(), self.repository.clone(), digest.clone())
    }
}

/// Says what goes with a copy.
#[derive(Clone, Default)]
pub struct CopyOptions {
    /// Whether signatures, SBOMs and attestations follow: OCI referrers, and the older `.sig`, `.att` and `.sbom` tags.
    pub referrers: bool,
    /// Told of each step, from whichever thread takes it. It must not block.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

/// A step of a copy. Where a copy begins again, from another mirror or since parts were lost, its blobs are found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many more bytes of blobs belong to the copy.
    Found(u64),
    /// So many more bytes have passed. Those of a blob that had to begin anew pass again.
    Passed(u64),
    /// So many more bytes need not pass: they are there, or the destination has them elsewhere.
    Spared(u64),
}

/// So many blobs, with so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub blobs: u64,
    /// The bytes of all of them.
    pub bytes: u64,
}

/// Says what came of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The digest of the manifest or index, at both ends.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes, those of the manifest alone.
    pub size: u64,
    /// The blobs that travelled.
    pub sent: Amount,
    /// The blobs that the destination took from another of its repositories.
    pub mounted: Amount,
    /// The blobs that were looked for and found there. Those of a manifest that is there are not looked for.
    pub present: Amount,
    /// How many signatures and the like followed.
    pub referrers: usize,
}

/// Says at which end a copy failed, and why.
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
    /// One fixed word for what failed, good as a condition reason, an Event reason and a metric label.
    pub fn reason(&self) -> &'static str {
        self.error().reason()
    }

    /// Whether copying again is worth it, and when. What is there already is not sent again.
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

impl Client {
    /// Copies what `source` names, whole: every platform, every layer, each byte as it is, so that the digest stays.
    ///
    /// `self` reads with its credentials, and `to` writes with its own; none of them is shown at the other end. Nothing is
    /// on disk, and memory does not grow with the image. Parts that are there are not sent: neither those that the
    /// destination's repository has, nor those that another copy put into that registry from the same source, nor those
    /// that another copy is sending just now. Children go before their index and tags last, so whatever happens,
    /// nothing is there by half. Before it returns, the manifest was read back by its digest.
    ///
    /// A copy takes as long as bytes move. It fails when a source gives none, try after try, for
    /// [`Limits::first_byte`](crate::Limits::first_byte), or when a destination takes none for
    /// [`Limits::stall`](crate::Limits::stall). It may be dropped at any time, and done again: that sends what is missing.
    pub async fn copy(
        &self,
        source: &Reference,
        to: &Client,
        destination: &Destination,
        options: &CopyOptions,
    ) -> Result<Copied, CopyError> {
        let (places, digest) = self.find(source).await.map_err(CopyError::Source)?;
        let target = destination.by_digest(&digest);
        let told = |broken| match broken {
            NotSent::Source(fault) => CopyError::Source(Error::At { reference: source.clone(), fault }),
            NotSent::Destination(fault) => {
                CopyError::Destination(Error::At { reference: target.clone(), fault })
            }
        };
        let into = to.writer(&destination.registry, &destination.repository);
        let into = into.map_err(|fault| told(NotSent::Destination(fault)))?;
        let mut outcome = Err(NotSent::Source(Fault::NotFound));
        for (place, left) in places.iter().zip((0..places.len()).rev()) {
            let from = self.reader(place).map_err(|fault| told(NotSent::Source(fault)))?;
            let copying = Copying::new(from, into.clone(), to.shared.clone(), options);
            outcome = copying.run_again_if_parts_were_lost(&digest, &destination.tags).await;
            match &outcome {
                // What a mirror has given is not asked for again.
                Err(NotSent::Source(fault)) if left > 0 => {
                    tracing::warn!(%source, mirror = %place.registry, %fault, "the mirror is passed over");
                }
                _ => break,
            }
        }
        outcome.map_err(|broken| match broken {
            // It was there a moment ago, by the tag.
            NotSent::Source(Fault::NotFound) if source.digest().is_none() => {
                told(NotSent::Source(Fault::Moved(digest.clone())))
            }
            other => told(other),
        })
    }

    /// The places where a reference is read, in the order in which they are tried, and its digest.
    pub(crate) async fn find(&self, source: &Reference) -> Result<(Vec<Place>, Digest), Error> {
        let (reference, digest) = match (source.registry(), source.digest()) {
            (Some(_), Some(digest)) => (source.clone(), digest.clone()),
            // The digest will be hashed when the manifest is read, so it need not be now.
            _ => {
                let resolved = self.resolve(source, |_| Some(String::new())).await?;
                (resolved.reference, resolved.digest)
            }
        };
        match self.places(&reference) {
            Ok(places) => Ok((places, digest)),
            Err(fault) => Err(Error::At { reference, fault }),
        }
    }
}
