//! Brings an image from disk to a registry.

use std::sync::Arc;

use futures::{TryStreamExt, stream};
use tagger_core::reference::{Digest, TagName};

use super::error::{DiskError, PushError};
use super::image::OnDisk;
use super::outgoing::{Outgoing, Tell};
use super::stop::blocking;
use super::tree::{Node, blobs};
use crate::client::Client;
use crate::copy::flights::Flights;
use crate::copy::tally::Tally;
use crate::copy::{Copied, Destination, Progress, Shared};
use crate::error::Error;
use crate::fault::Fault;
use crate::parts::Blob;
use crate::push::NotSent;
use crate::remote::Remote;

/// How many manifests are brought at once, and how many of their blobs.
const MANIFESTS: usize = 4;
const BLOBS: usize = 8;

/// An image on its way.
struct Pushing {
    image: Arc<OnDisk>,
    into: Remote,
    shared: Arc<Shared>,
    tell: Tell,
    flights: Flights<Digest>,
    sent: Tally,
    present: Tally,
}

type Outcome<T> = Result<T, NotSent<DiskError>>;

impl Client {
    /// Brings an image from disk to a repository, whole and byte for byte, so that the digest stays.
    ///
    /// Blobs that are there are not sent, and each one is hashed as it passes; what is not what its digest says is an error.
    /// Children go before their index, and tags last, so whatever happens, nothing is there by half. Before it returns, the
    /// manifest was read back by its digest. It may be dropped at any time, and done again: that sends what is missing.
    pub async fn push(
        &self,
        image: &Arc<OnDisk>,
        destination: &Destination,
        tell: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    ) -> Result<Copied, PushError> {
        let target = destination.by_digest(image.digest());
        let told = |fault| PushError::Registry(Error::At { reference: target.clone(), fault });
        let into = self.writer(&destination.registry, &destination.repository).map_err(told)?;
        let pushing = Pushing {
            image: image.clone(),
            into,
            shared: self.shared.clone(),
            tell,
            flights: Flights::default(),
            sent: Tally::default(),
            present: Tally::default(),
        };
        let outcome = match pushing.run(&destination.tags, true).await {
            Err(NotSent::Destination(Fault::PartsLost)) => pushing.run(&destination.tags, false).await,
            other => other,
        };
        outcome.map_err(|broken| match broken {
            NotSent::Source(error) => PushError::Disk(error),
            NotSent::Destination(fault) => told(fault),
        })
    }
}

impl Pushing {
    fn tell(&self, progress: Progress) {
        if let Some(tell) = &self.tell {
            tell(progress);
        }
    }

    /// Does it. `trusting` what is there saves requests.
    async fn run(&self, tags: &[TagName], trusting: bool) -> Outcome<Copied> {
        let root = &self.image.root;
        let there = trusting && self.has(&root.digest).await?;
        if !there {
            for level in &self.image.tree.levels {
                let nodes = stream::iter(level.iter().map(Ok));
                nodes.try_for_each_concurrent(MANIFESTS, |node| self.node(node, trusting)).await?;
            }
            if self.into.manifest(&root.digest).await.map_err(NotSent::Destination)?.is_none() {
                return Err(NotSent::Destination(Fault::PartsLost));
            }
        }
        for tag in tags {
            let there = self.into.digest_at(tag.as_str()).await.map_err(NotSent::Destination)?;
            if there.as_ref() != Some(&root.digest) {
                self.into.put(root, tag.as_str()).await.map_err(NotSent::Destination)?;
            }
        }
        Ok(Copied {
            digest: root.digest.clone(),
            media_type: root.media_type.clone(),
            size: root.bytes.len() as u64,
            sent: self.sent.amount(),
            mounted: Default::default(),
            present: self.present.amount(),
            referrers: 0,
        })
    }

    /// Whether a manifest is there, with all of its parts.
    async fn has(&self, digest: &Digest) -> Outcome<bool> {
        let there = self.into.digest_at(digest.as_str()).await.map_err(NotSent::Destination)?;
        Ok(there.as_ref() == Some(digest))
    }

    /// Brings a manifest and its blobs. Those that it names are there.
    async fn node(&self, node: &Node, trusting: bool) -> Outcome<()> {
        self.tell(Progress::Found(node.bytes));
        if trusting && node.digest != self.image.root.digest && self.has(&node.digest).await? {
            self.tell(Progress::Spared(node.bytes));
            return Ok(());
        }
        let (image, wanted) = (self.image.clone(), node.clone());
        let read = blocking(move |_| {
            let manifest = image.source.manifest(&wanted.digest, Some(&wanted.media_type));
            Ok(manifest.and_then(|manifest| blobs(&image.source, &manifest).map(|blobs| (manifest, blobs))))
        });
        let path = &self.image.source.content.path;
        let read = read.await.map_err(|problem| NotSent::Source(super::error::read(path, problem)))?;
        let (manifest, blobs) = read.map_err(NotSent::Source)?;
        let blobs = stream::iter(blobs.iter().map(Ok));
        blobs.try_for_each_concurrent(BLOBS, |blob| self.blob(blob)).await?;
        self.into.put(&manifest, node.digest.as_str()).await.map_err(NotSent::Destination)
    }

    async fn blob(&self, blob: &Blob) -> Outcome<()> {
        // Two images of an index may have the same layer.
        let _flight = self.flights.board(blob.digest.clone()).await;
        if self.into.has_blob(&blob.digest).await.map_err(NotSent::Destination)? {
            self.present.add(blob.size);
            self.tell(Progress::Spared(blob.size));
            return Ok(());
        }
        let _places = self.into.transport.budgets.transfer(&self.into.origin, &self.into.origin).await;
        let extent = self.image.source.extent(&blob.digest).map_err(NotSent::Source)?;
        let open = |passed| {
            let path = self.image.source.content.path.clone();
            Outgoing::begin(path, extent.clone(), blob.digest.clone(), passed, self.tell.clone())
        };
        self.into.send(&self.shared, blob, None, open).await?;
        self.sent.add(blob.size);
        Ok(())
    }
}
