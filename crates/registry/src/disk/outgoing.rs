//! Blobs on their way from the disk.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tagger_core::reference::Digest;
use tokio::sync::mpsc;

use super::content::Extent;
use super::error::{Damage, DiskError, damaged, read};
use super::hashed::CHUNK;
use crate::copy::Progress;
use crate::hash::Hasher;
use crate::push::Pieces;

/// How many pieces are read ahead.
const AHEAD: usize = 4;

/// Is told of bytes that pass.
pub(super) type Tell = Option<Arc<dyn Fn(Progress) + Send + Sync>>;

/// A blob that is read from the disk, and hashed as it passes.
pub(super) struct Outgoing {
    pieces: mpsc::Receiver<Result<Bytes, DiskError>>,
    passed: Arc<AtomicU64>,
    tell: Tell,
}

impl Outgoing {
    /// Begins to read, on a thread of its own, which ends when this is dropped.
    pub(super) fn begin(
        path: PathBuf,
        extent: Extent,
        digest: Digest,
        passed: Arc<AtomicU64>,
        tell: Tell,
    ) -> Self {
        let (sender, pieces) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            let (mut at, mut hasher) = (0, Some(Hasher::like(&digest)));
            while hasher.is_some() {
                let piece = next(&extent, &mut at, &mut hasher).map_err(|problem| read(&path, problem));
                let piece = piece.and_then(|(piece, hashed)| match hashed {
                    Some(actual) if actual != digest => {
                        Err(damaged(&path, Damage::Digest { expected: digest.clone(), actual }))
                    }
                    _ => Ok(piece),
                });
                let failed = piece.is_err();
                if sender.blocking_send(piece).is_err() || failed {
                    return;
                }
            }
        });
        Self { pieces, passed, tell }
    }
}

/// The next piece, and with the last one the digest of all.
fn next(extent: &Extent, at: &mut u64, hasher: &mut Option<Hasher>) -> io::Result<(Bytes, Option<Digest>)> {
    let mut piece = vec![0; (extent.size - *at).min(CHUNK as u64) as usize];
    extent.read(&mut piece, *at)?;
    *at += piece.len() as u64;
    if let Some(hasher) = hasher {
        hasher.update(&piece);
    }
    let hashed = match *at == extent.size {
        true => hasher.take().and_then(Hasher::finish),
        false => None,
    };
    Ok((piece.into(), hashed))
}

/// The digest of a file, and its first bytes.
pub(super) fn look(extent: &Extent, like: &Digest) -> io::Result<(Option<Digest>, Bytes)> {
    let (mut at, mut hasher) = (0, Some(Hasher::like(like)));
    let (first, mut hashed) = next(extent, &mut at, &mut hasher)?;
    while hasher.is_some() {
        hashed = next(extent, &mut at, &mut hasher)?.1;
    }
    Ok((hashed, first.slice(..first.len().min(8))))
}

impl Pieces for Outgoing {
    type Broken = DiskError;

    async fn begin(&mut self) -> Result<(), DiskError> {
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, DiskError> {
        let Some(piece) = self.pieces.recv().await.transpose()? else { return Ok(None) };
        self.passed.fetch_add(piece.len() as u64, Ordering::Relaxed);
        if let Some(tell) = &self.tell {
            tell(Progress::Passed(piece.len() as u64));
        }
        Ok(Some(piece))
    }
}
