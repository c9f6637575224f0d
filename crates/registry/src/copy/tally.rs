use std::sync::atomic::{AtomicU64, Ordering};

use super::Amount;

/// Counts blobs and their bytes.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    blobs: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    pub(crate) fn add(&self, bytes: u64) {
        self.blobs.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn amount(&self) -> Amount {
        Amount { blobs: self.blobs.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}
