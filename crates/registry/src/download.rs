use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tagger_core::reference::Digest;
use tokio::time::{Instant, sleep};

use crate::copy::Progress;
use crate::fault::Fault;
use crate::hash::Hasher;
use crate::push::Pieces;
use crate::remote::Remote;
use crate::transport::Incoming;

/// The fewest bytes that a source must send in the time that a blob may stand still.
const LEAST: u64 = 1024 * 1024;

/// A blob on its way from a registry: hashed as it passes, and taken up where its connection broke.
pub(crate) struct Download {
    remote: Remote,
    digest: Digest,
    size: u64,
    hasher: Option<Hasher>,
    incoming: Option<Incoming>,
    /// What came and has not passed yet.
    ahead: Option<Bytes>,
    /// The bytes that have passed.
    at: u64,
    /// How often it was taken up with nothing gained.
    tries: u32,
    /// How long the source was waited for, since so many bytes had passed.
    waited: (Duration, u64),
    passed: Arc<AtomicU64>,
    progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl Download {
    /// `passed` is told of the bytes that pass.
    pub(crate) fn new(remote: Remote, digest: Digest, size: u64, passed: Arc<AtomicU64>) -> Self {
        let hasher = Some(Hasher::like(&digest));
        Self {
            remote,
            digest,
            size,
            hasher,
            incoming: None,
            ahead: None,
            waited: (Duration::ZERO, 0),
            at: 0,
            tries: 0,
            passed,
            progress: None,
        }
    }

    /// Tells this of the bytes that pass, too.
    pub(crate) fn telling(self, progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>) -> Self {
        Self { progress, ..self }
    }

    /// Goes on behind these first bytes, which are there already and have been hashed.
    pub(crate) fn behind(self, hasher: Hasher, bytes: u64) -> Self {
        Self { hasher: Some(hasher), at: bytes, waited: (Duration::ZERO, bytes), ..self }
    }

    async fn obtain(&mut self) -> Result<Bytes, Fault> {
        loop {
            let begun = Instant::now();
            let received = self.receive().await;
            self.judge_pace(begun.elapsed())?;
            let broken = match received {
                Ok(Some(piece)) => return Ok(piece),
                // As far as the source says, that was all of it; but a proxy that gives up may say so as well.
                Ok(None) => None,
                Err(Fault::NotFound) => return Err(Fault::PartMissing(self.digest.clone())),
                Err(fault) => Some(fault),
            };
            self.incoming = None;
            self.tries += 1;
            let short = Fault::SizeMismatch { expected: self.size, actual: self.at };
            let fault = broken.clone().unwrap_or(Fault::Truncated { host: self.remote.registry.to_string() });
            let Some(wait) = self.remote.transport.wait(&fault, self.tries) else {
                return Err(broken.unwrap_or(short));
            };
            tracing::debug!(reason = fault.reason(), digest = %self.digest, at = self.at, "a blob is taken up again");
            sleep(wait).await;
        }
    }

    /// Gives up a source that sends hardly anything, and takes a place from others for as long as it likes.
    fn judge_pace(&mut self, waited: Duration) -> Result<(), Fault> {
        self.waited.0 += waited;
        if self.waited.0 < self.remote.transport.stall() {
            return Ok(());
        }
        match self.at - self.waited.1 < LEAST {
            true => Err(Fault::Timeout { host: self.remote.registry.to_string() }),
            false => {
                self.waited = (Duration::ZERO, self.at);
                Ok(())
            }
        }
    }

    /// The next piece as it comes; none where the source has no more.
    async fn receive(&mut self) -> Result<Option<Bytes>, Fault> {
        let mut early = 0;
        loop {
            let incoming = match &mut self.incoming {
                Some(incoming) => incoming,
                none => {
                    let (incoming, before) = self.remote.open(&self.digest, self.at).await?;
                    early = before;
                    none.insert(incoming)
                }
            };
            let Some(mut piece) = incoming.next().await? else { return Ok(None) };
            let skipped = early.min(piece.len() as u64);
            early -= skipped;
            piece.advance(skipped as usize);
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    fn pass(&mut self, piece: Bytes) -> Result<Bytes, Fault> {
        let at = self.at + piece.len() as u64;
        if at > self.size {
            return Err(Fault::SizeMismatch { expected: self.size, actual: at });
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&piece);
        }
        (self.at, self.tries) = (at, 0);
        if at == self.size {
            self.finish()?;
        }
        self.passed.fetch_add(piece.len() as u64, Ordering::Relaxed);
        if let Some(tell) = &self.progress {
            tell(Progress::Passed(piece.len() as u64));
        }
        Ok(piece)
    }

    fn finish(&mut self) -> Result<(), Fault> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        match hasher.finish() {
            Some(actual) if actual == self.digest => Ok(()),
            Some(actual) => Err(Fault::DigestMismatch { expected: self.digest.clone(), actual }),
            None => Err(Fault::DigestInvalid),
        }
    }
}

impl Pieces for Download {
    type Broken = Fault;

    async fn begin(&mut self) -> Result<(), Fault> {
        match self.at < self.size {
            true => self.ahead = Some(self.obtain().await?),
            false => self.finish()?,
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        if self.at == self.size {
            // Only what is empty has a hash left to look at.
            self.finish()?;
            return Ok(None);
        }
        let piece = match self.ahead.take() {
            Some(piece) => piece,
            None => self.obtain().await?,
        };
        self.pass(piece).map(Some)
    }
}
