//! How much goes on with each registry.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lane::{Lane, Place};
use super::metrics::How;
use super::origin::Origin;
use super::room::{Room, Rooms};
use super::scope::Urgency;
use crate::settings::Limits;

/// How many registries may have all of their blobs on their way to one destination before others wait there.
const SOURCES: usize = 4;

/// How many lists of tags are read at once from one registry.
const LISTS: usize = 2;

/// Gives each registry its places: so many short requests at once and a second, so many blobs on their way from it, and so many to it.
pub(crate) struct Budgets {
    limits: Limits,
    requests: Cache<Origin, Arc<Lane>>,
    sources: Pool,
    destinations: Pool,
    lists: Pool,
    rooms: Rooms,
}

struct Pool {
    at_once: usize,
    places: Cache<Origin, Arc<Semaphore>>,
}

impl Budgets {
    pub(crate) fn new(limits: &Limits) -> Self {
        let requests = remembered();
        let sources = Pool::new(limits.transfers);
        // One source that is slow must not have all places of the destination that others write to as well.
        let destinations = Pool::new(limits.transfers.saturating_mul(SOURCES));
        let (lists, rooms) = (Pool::new(LISTS), Rooms::new());
        Self { limits: limits.clone(), requests, sources, destinations, lists, rooms }
    }

    /// A place for one short request. Nothing that needs another place is waited for while it is held.
    pub(crate) async fn request(
        &self,
        registry: &Origin,
        urgency: Urgency,
        told: impl FnOnce(How),
    ) -> Option<Place> {
        let lane = self.requests.get_with_by_ref(registry, || Arc::new(Lane::new(&self.limits)));
        lane.place(urgency, told).await
    }

    /// A place for a list of tags. One registry that is slow with its lists keeps nobody from another one's.
    pub(crate) async fn list(&self, registry: &Origin) -> Option<OwnedSemaphorePermit> {
        self.lists.place(registry).await
    }

    /// The room for a list, nothing of which is taken yet.
    pub(crate) fn room(&self) -> Room {
        self.rooms.enter()
    }

    /// Places for a blob that goes from one registry to another. Nobody who has one at the destination waits for anything.
    pub(crate) async fn transfer(&self, from: &Origin, to: &Origin) -> [Option<OwnedSemaphorePermit>; 2] {
        [self.sources.place(from).await, self.destinations.place(to).await]
    }
}

impl Pool {
    fn new(at_once: usize) -> Self {
        Self { at_once, places: remembered() }
    }

    async fn place(&self, registry: &Origin) -> Option<OwnedSemaphorePermit> {
        let new = || Arc::new(Semaphore::new(self.at_once));
        let places = self.places.get_with_by_ref(registry, new);
        // It is never closed.
        places.acquire_owned().await.ok()
    }
}

fn remembered<T: Clone + Send + Sync + 'static>() -> Cache<Origin, T> {
    let idle = Duration::from_secs(60 * 60);
    Cache::builder().max_capacity(10_000).time_to_idle(idle).build()
}
