//! Work that blocks, and ends when nobody waits for it any more.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells work that nobody waits for it.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

/// Whoever waits.
struct Waiting(Stop);

impl Stop {
    /// An error when nobody waits any more.
    pub(super) fn check(&self) -> io::Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(io::Error::from(io::ErrorKind::Interrupted)),
            false => Ok(()),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does work that blocks on a thread of its own. When this is dropped, the work is told to stop.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let stop = Stop::default();
    let waiting = Waiting(stop.clone());
    let done = tokio::task::spawn_blocking(move || work(&stop)).await;
    drop(waiting);
    done.map_err(io::Error::other)?
}
