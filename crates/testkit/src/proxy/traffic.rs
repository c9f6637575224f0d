//! How many requests are under way at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many requests are under way, and were at most.
#[derive(Default)]
pub(super) struct Traffic {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Traffic {
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(super) fn reset(&self) {
        self.most.store(self.now.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Lets a request in, which is under way until what is given back is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Passage {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Passage(Arc::clone(self))
    }
}

/// A request under way, until its answer is sent or given up.
pub(super) struct Passage(Arc<Traffic>);

impl Drop for Passage {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}
