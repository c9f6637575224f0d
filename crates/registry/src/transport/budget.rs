//! How much goes on at once with each registry.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::origin::Origin;
use crate::settings::Limits;

/// How many registries may have all of their blobs on their way to one destination before others wait there.
const SOURCES: usize = 4;

/// Gives each registry its places: so many short requests at once, so many blobs on their way from it, and so many to it.
pub(crate) struct Budgets {
    requests: Pool,
    sources: Pool,
    destinations: Pool,
}

struct Pool {
    at_once: usize,
    places: Cache<Origin, Arc<Semaphore>>,
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        let (requests, sources) = (Pool::new(limits.requests), Pool::new(limits.transfers));
        // One source that is slow must not have all places of the destination that others write to as well.
        let destinations = Pool::new(limits.transfers.saturating_mul(SOURCES));
        Self { requests, sources, destinations }
    }

    /// A place for one short request. Nothing else is waited for while it is held.
    pub(crate) async fn request(&self, registry: &Origin) -> Option<OwnedSemaphorePermit> {
        self.requests.place(registry).await
    }

    /// Places for a blob that goes from one registry to another. Nobody who has one at the destination waits for anything.
    pub(crate) async fn transfer(&self, from: &Origin, to: &Origin) -> [Option<OwnedSemaphorePermit>; 2] {
        [self.sources.place(from).await, self.destinations.place(to).await]
    }
}

impl Pool {
    fn new(at_once: usize) -> Self {
        let idle = Duration::from_secs(60 * 60);
        Self { at_once, places: Cache::builder().max_capacity(10_000).time_to_idle(idle).build() }
    }

    async fn place(&self, registry: &Origin) -> Option<OwnedSemaphorePermit> {
        let new = || Arc::new(Semaphore::new(self.at_once));
        let places = self.places.get_with_by_ref(registry, new);
        // It is never closed.
        places.acquire_owned().await.ok()
    }
}
