//! Brings the parts of an image from a registry into a folder.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::{TryStreamExt, stream};
use tagger_core::reference::Digest;

use super::error::{DiskError, read};
use super::outgoing::Tell;
use super::platform::ImageProblem;
use super::store::{Store, There, name};
use crate::copy::flights::Flights;
use crate::copy::tally::Tally;
use crate::copy::{Amount, Progress};
use crate::download::Download;
use crate::fault::Fault;
use crate::inspect::Platform;
use crate::manifest::{MAX_BYTES, MAX_ENTRIES};
use crate::parts::{Blob, Parts};
use crate::pull::Manifest;
use crate::push::Pieces;
use crate::remote::Remote;

/// How deep indexes are within one another.
pub(super) const MAX_DEPTH: usize = 8;
/// How many children of an index are fetched at once, and how many blobs of an image.
const CHILDREN: usize = 4;
const BLOBS: usize = 8;

/// Why an image was not saved.
pub(super) enum Broken {
    Registry(Fault),
    Disk(DiskError),
    Unfit(ImageProblem),
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Registry(fault)
    }
}

impl From<DiskError> for Broken {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl From<ImageProblem> for Broken {
    fn from(problem: ImageProblem) -> Self {
        Self::Unfit(problem)
    }
}

/// An image on its way to a folder.
pub(super) struct Fetching {
    from: Remote,
    store: Store,
    tell: Tell,
    flights: Flights<Digest>,
    /// What is in the folder, of this image.
    here: Mutex<BTreeMap<Digest, u64>>,
    fetched: Tally,
    present: Tally,
    manifests: AtomicUsize,
}

impl Fetching {
    pub(super) fn new(from: Remote, store: Store, tell: Tell) -> Self {
        Self {
            from,
            store,
            tell,
            flights: Flights::default(),
            here: Mutex::default(),
            fetched: Tally::default(),
            present: Tally::default(),
            manifests: AtomicUsize::new(0),
        }
    }

    /// The blobs and manifests that are in the folder now, with their sizes.
    pub(super) fn blobs(&self) -> BTreeMap<Digest, u64> {
        self.here().clone()
    }

    /// What came, and what was there.
    pub(super) fn amounts(&self) -> (Amount, Amount) {
        (self.fetched.amount(), self.present.amount())
    }

    /// A manifest from the registry, hashed.
    pub(super) async fn manifest(&self, digest: &Digest) -> Result<Manifest, Broken> {
        let manifest = self.from.manifest(digest).await?;
        manifest.ok_or_else(|| Fault::PartMissing(digest.clone()).into())
    }

    /// What an image says in its configuration that it runs on.
    pub(super) async fn platform(&self, config: &Digest, size: u64) -> Result<Option<Platform>, Broken> {
        if size > MAX_BYTES as u64 {
            return Err(Fault::ManifestTooLarge { limit: MAX_BYTES }.into());
        }
        self.blob(&Blob { digest: config.clone(), size, foreign: false }).await?;
        let path = self.store.path(config);
        let content = std::fs::read(&path).map_err(|problem| read(&path, problem))?;
        Ok(serde_json::from_slice(&content).ok())
    }

    /// Brings a manifest and all that it names.
    pub(super) async fn image(&self, manifest: &Manifest, depth: usize) -> Result<(), Broken> {
        if depth > MAX_DEPTH {
            let what = "indexes within one another";
            return Err(Fault::TooMuch { what, limit: MAX_DEPTH }.into());
        }
        let parts = Parts::of(manifest)?;
        let more = parts.children.len();
        if self.manifests.fetch_add(more, Ordering::Relaxed) + more > MAX_ENTRIES {
            return Err(Fault::TooMuch { what: "manifests", limit: MAX_ENTRIES }.into());
        }
        let at_once = if depth == 0 { CHILDREN } else { 1 };
        let children = stream::iter(parts.children.iter().map(Ok));
        children
            .try_for_each_concurrent(at_once, |child| {
                Box::pin(async move {
                    let child = self.manifest(child).await?;
                    self.image(&child, depth + 1).await
                })
            })
            .await?;
        let blobs = stream::iter(parts.blobs.iter().map(Ok));
        blobs.try_for_each_concurrent(BLOBS, |blob| self.blob(blob)).await?;
        self.document(manifest).await
    }

    async fn document(&self, manifest: &Manifest) -> Result<(), Broken> {
        let _flight = self.flights.board(manifest.digest.clone()).await;
        let size = manifest.bytes.len() as u64;
        if !matches!(self.store.there(&manifest.digest, size).await?, There::Whole) {
            self.store.document(&name(&manifest.digest), manifest.bytes.clone()).await?;
        }
        self.here().insert(manifest.digest.clone(), size);
        Ok(())
    }

    /// Brings a blob, or what is missing of it.
    async fn blob(&self, blob: &Blob) -> Result<(), Broken> {
        let _flight = self.flights.board(blob.digest.clone()).await;
        if self.here().contains_key(&blob.digest) {
            return Ok(());
        }
        self.told(Progress::Found(blob.size));
        loop {
            let (hasher, have) = match self.store.there(&blob.digest, blob.size).await? {
                There::Whole => {
                    self.present.add(blob.size);
                    self.told(Progress::Spared(blob.size));
                    break;
                }
                There::Partly(hasher, have) => (hasher, have),
            };
            let download =
                Download::new(self.from.clone(), blob.digest.clone(), blob.size, Default::default());
            let download = download.behind(*hasher, have).telling(self.tell.clone());
            self.told(Progress::Spared(have));
            match self.bring(blob, download, have).await {
                // A layer that is said to be elsewhere need not be in the registry.
                Err(Broken::Registry(Fault::PartMissing(_))) if blob.foreign => {
                    self.told(Progress::Spared(blob.size));
                    return Ok(());
                }
                Err(Broken::Registry(Fault::DigestMismatch { expected, actual })) => {
                    self.store.discard(&blob.digest).await;
                    // It may be the bytes that were on the disk.
                    if have == 0 {
                        return Err(Fault::DigestMismatch { expected, actual }.into());
                    }
                }
                other => {
                    other?;
                    self.fetched.add(blob.size - have);
                    break;
                }
            }
        }
        self.here().insert(blob.digest.clone(), blob.size);
        Ok(())
    }

    async fn bring(&self, blob: &Blob, mut download: Download, have: u64) -> Result<(), Broken> {
        let _places = self.from.transport.budgets.transfer(&self.from.origin, &self.from.origin).await;
        download.begin().await?;
        let writing = self.store.write(&blob.digest, have).await?;
        while let Some(piece) = download.next().await? {
            if !writing.piece(piece).await {
                return Err(writing.problem(&self.store.path(&blob.digest)).await.into());
            }
        }
        Ok(self.store.finish(&blob.digest, writing).await?)
    }

    fn told(&self, progress: Progress) {
        if let Some(tell) = &self.tell {
            tell(progress);
        }
    }

    fn here(&self) -> MutexGuard<'_, BTreeMap<Digest, u64>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
