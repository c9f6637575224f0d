//! How much goes on at once with each registry.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::origin::Origin;
use crate::settings::Limits;

/// Gives each registry its places: so many short requests at once, and so many blobs on their way from it or to it.
pub(crate) struct Budgets {
    requests: Pool,
    transfers: Pool,
}

struct Pool {
    at_once: usize,
    places: Cache<Origin, Arc<Semaphore>>,
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { requests: Pool::new(limits.requests), transfers: Pool::new(limits.transfers) }
    }

    /// A place for one short request. Nothing else is waited for while it is held.
    pub(crate) async fn request(&self, registry: &Origin) -> Option<OwnedSemaphorePermit> {
        self.requests.place(registry).await
    }

    /// Places for a blob that goes from one registry to another, or within one. Everybody takes them in the same order, so
    /// that nobody waits for somebody who waits for him.
    pub(crate) async fn transfer(&self, one: &Origin, other: &Origin) -> [Option<OwnedSemaphorePermit>; 2] {
        if one == other {
            return [self.transfers.place(one).await, None];
        }
        let (first, second) = if one.to_string() < other.to_string() { (one, other) } else { (other, one) };
        [self.transfers.place(first).await, self.transfers.place(second).await]
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
