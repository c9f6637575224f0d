//! What the tests stand on.

pub mod cached;
mod namespace;
pub mod told;
pub mod world;

use std::future::Future;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

pub use namespace::{Deployment, Namespace};
pub use world::{World, manifests};

/// How long anything may take that happens by itself.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// All tests share one runtime: connections that are kept for reuse belong to the runtime that made them.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());

/// Runs a test.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(test)
}

/// Looks until there is something, and says what was waited for when there never is.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Gives what must not happen the time in which it would.
pub async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(1500)).await;
}
