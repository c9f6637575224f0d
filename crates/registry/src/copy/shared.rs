use std::time::Duration;

use moka::sync::Cache;
use tagger_core::reference::{Digest, Repository};

use super::flights::Flights;
use crate::transport::Origin;

/// How many blobs are remembered; a few hundred bytes each.
const REMEMBERED: u64 = 20_000;

/// What copies know of one another: all copies of clones of one client.
pub(crate) struct Shared {
    /// A blob or manifest on its way to a registry.
    pub(super) flights: Flights<Place>,
    /// The list of what is attached to a manifest, while it is written.
    pub(super) lists: Flights<(Origin, Repository, Digest)>,
    /// Where a registry was seen to have a blob.
    placed: Cache<Place, Placed>,
    /// Registries that took no blob in one piece.
    in_pieces: Cache<Origin, ()>,
    /// Whether a registry keeps account of referrers itself.
    pub(super) referrers: Cache<Origin, bool>,
}

/// A blob in a registry, told apart by the registry that it came from: what one source has given is no proof that it may
/// be had from another one, and nobody is to get at a blob by naming its digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) destination: Origin,
    pub(super) source: Origin,
    pub(super) digest: Digest,
}

/// The repositories that a blob went to and came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) destination: Repository,
    pub(super) source: Repository,
}

impl Default for Shared {
    fn default() -> Self {
        let hour = Duration::from_secs(60 * 60);
        Self {
            flights: Flights::default(),
            lists: Flights::default(),
            placed: Cache::builder().max_capacity(REMEMBERED).time_to_live(hour).build(),
            in_pieces: Cache::builder().max_capacity(1_000).time_to_live(hour * 24).build(),
            referrers: Cache::builder().max_capacity(1_000).time_to_live(hour).build(),
        }
    }
}

impl Shared {
    pub(super) fn placed(&self, place: &Place) -> Option<Placed> {
        self.placed.get(place)
    }

    pub(super) fn note(&self, place: &Place, placed: Placed) {
        self.placed.insert(place.clone(), placed);
    }

    pub(crate) fn takes_pieces_only(&self, registry: &Origin) -> bool {
        self.in_pieces.contains_key(registry)
    }

    pub(crate) fn note_pieces_only(&self, registry: &Origin) {
        self.in_pieces.insert(registry.clone(), ());
    }
}
