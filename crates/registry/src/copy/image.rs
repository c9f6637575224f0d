use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{TryStreamExt, stream};
use tagger_core::reference::{Digest, TagName};

use super::shared::{Place, Shared};
use super::tally::Tally;
use super::{Copied, CopyOptions, Progress};
use crate::fault::Fault;
use crate::manifest::MAX_ENTRIES;
use crate::parts::Parts;
use crate::pull::Manifest;
use crate::push::NotSent;
use crate::remote::Remote;

/// How deep indexes are within one another.
const MAX_DEPTH: usize = 8;
/// How many children of an index are copied at once; those of an index within it one by one. Each has its manifest in
/// memory, as do all that it is within.
const CHILDREN: usize = 4;
/// How many blobs of an image are looked for at once. How many travel at once is the registries' budget.
const BLOBS: usize = 8;

/// One copy under way.
pub(super) struct Copying {
    pub(super) from: Remote,
    pub(super) into: Remote,
    pub(super) shared: Arc<Shared>,
    pub(super) progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    pub(super) sent: Tally,
    pub(super) mounted: Tally,
    pub(super) present: Tally,
    pub(super) referrers: bool,
    /// How many manifests were looked at.
    manifests: AtomicUsize,
}

impl Copying {
    pub(super) fn new(from: Remote, into: Remote, shared: Arc<Shared>, options: &CopyOptions) -> Self {
        Self {
            from,
            into,
            shared,
            progress: options.progress.clone(),
            sent: Tally::default(),
            mounted: Tally::default(),
            present: Tally::default(),
            referrers: options.referrers,
            manifests: AtomicUsize::new(0),
        }
    }

    pub(super) fn tell(&self, progress: Progress) {
        if let Some(tell) = &self.progress {
            tell(progress);
        }
    }

    /// Does the copy. Where parts were cleared away that were there a moment ago, it begins again and takes nothing for granted.
    pub(super) async fn run_again_if_parts_were_lost(
        &self,
        digest: &Digest,
        tags: &[TagName],
    ) -> Result<Copied, NotSent> {
        match self.run(digest, tags, true).await {
            Err(NotSent::Destination(Fault::PartsLost)) => self.run(digest, tags, false).await,
            other => other,
        }
    }

    /// Does the copy. `trusting` what is there and what was seen saves requests.
    pub(super) async fn run(
        &self,
        digest: &Digest,
        tags: &[TagName],
        trusting: bool,
    ) -> Result<Copied, NotSent> {
        let (manifest, tagged, referrers) = match self.there(digest, tags.first()).await? {
            Some((manifest, tagged)) if trusting => {
                let referrers = self.attachments(&manifest, trusting).await?;
                (manifest, tagged, referrers)
            }
            _ => {
                let manifest = self.from.manifest(digest).await.map_err(NotSent::Source)?;
                let manifest = manifest.ok_or(NotSent::Source(Fault::NotFound))?;
                self.manifests.store(0, Ordering::Relaxed);
                self.image(&manifest, 0, trusting).await?;
                // Before the tags as well: what is tagged is all there.
                let referrers = self.attachments(&manifest, trusting).await?;
                // Under a tag, registries hash by sha256.
                let tag = tags.first().filter(|_| digest.algorithm() == "sha256");
                let target = tag.map_or(digest.as_str(), |tag| tag.as_str());
                self.into.put(&manifest, target).await.map_err(NotSent::Destination)?;
                if self.into.manifest(digest).await.map_err(NotSent::Destination)?.is_none() {
                    return Err(NotSent::Destination(Fault::PartsLost));
                }
                (manifest, tag.is_some(), referrers)
            }
        };
        for (number, tag) in tags.iter().enumerate() {
            let there = match number {
                // This one was looked at before.
                0 => tagged,
                _ => {
                    self.into.digest_at(tag.as_str()).await.map_err(NotSent::Destination)?.as_ref()
                        == Some(digest)
                }
            };
            if !there {
                self.into.put(&manifest, tag.as_str()).await.map_err(NotSent::Destination)?;
            }
        }
        Ok(Copied {
            digest: digest.clone(),
            media_type: manifest.media_type,
            size: manifest.bytes.len() as u64,
            sent: self.sent.amount(),
            mounted: self.mounted.amount(),
            present: self.present.amount(),
            referrers,
        })
    }

    /// The manifest, if the destination has it, and whether by this tag. What has its manifest there has all of its parts there.
    async fn there(
        &self,
        digest: &Digest,
        tag: Option<&TagName>,
    ) -> Result<Option<(Manifest, bool)>, NotSent> {
        if let Some(tag) = tag {
            let tagged = match self.into.tagged(tag.as_str()).await {
                // Whatever else is under the tag is written over.
                Err(Fault::ManifestInvalid(_) | Fault::ManifestTooLarge { .. }) => None,
                other => other.map_err(NotSent::Destination)?,
            };
            if let Some(manifest) = tagged.filter(|manifest| manifest.digest == *digest) {
                return Ok(Some((manifest, true)));
            }
        }
        let there = self.into.manifest(digest).await.map_err(NotSent::Destination)?;
        Ok(there.map(|manifest| (manifest, false)))
    }

    /// Copies all that a manifest names.
    pub(super) async fn image(
        &self,
        manifest: &Manifest,
        depth: usize,
        trusting: bool,
    ) -> Result<(), NotSent> {
        if depth > MAX_DEPTH {
            return Err(NotSent::Source(Fault::TooMuch {
                what: "indexes within one another",
                limit: MAX_DEPTH,
            }));
        }
        let parts = Parts::of(manifest).map_err(NotSent::Source)?;
        let seen =
            self.manifests.fetch_add(parts.children.len() + 1, Ordering::Relaxed) + parts.children.len();
        if seen > MAX_ENTRIES {
            return Err(NotSent::Source(Fault::TooMuch { what: "manifests", limit: MAX_ENTRIES }));
        }
        let children = stream::iter(parts.children.iter().map(Ok));
        let at_once = if depth == 0 { CHILDREN } else { 1 };
        children
            .try_for_each_concurrent(at_once, |child| Box::pin(self.child(child, depth + 1, trusting)))
            .await?;
        let blobs = stream::iter(parts.blobs.iter().map(Ok));
        blobs.try_for_each_concurrent(BLOBS, |blob| Box::pin(self.blob(blob, trusting))).await
    }

    async fn child(&self, digest: &Digest, depth: usize, trusting: bool) -> Result<(), NotSent> {
        let place = Place {
            destination: self.into.origin.clone(),
            source: self.from.origin.clone(),
            digest: digest.clone(),
        };
        // Two indexes may name the same child.
        let _flight = self.shared.flights.board(place).await;
        if trusting {
            let there = self.into.digest_at(digest.as_str()).await.map_err(NotSent::Destination)?;
            if there.as_ref() == Some(digest) {
                return Ok(());
            }
        }
        let manifest = self.from.manifest(digest).await.map_err(NotSent::Source)?;
        let manifest = manifest.ok_or_else(|| NotSent::Source(Fault::PartMissing(digest.clone())))?;
        self.image(&manifest, depth, trusting).await?;
        self.into.put(&manifest, digest.as_str()).await.map_err(NotSent::Destination)?;
        Ok(())
    }
}
