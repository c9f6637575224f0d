//! How much memory the lists of tags that are being read may take together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a list may take, in KiB, whatever others take: no more than the page that it is read by.
const OWN: usize = 1024;
/// What all lists may take beyond that, in KiB: as much as four of the longest that there are.
const SHARED: usize = 64 * 1024;

/// The room that all lists share.
#[derive(Clone)]
pub(super) struct Rooms(Arc<Semaphore>);

/// What one list has of it, until it is dropped.
pub(crate) struct Room {
    shared: Arc<Semaphore>,
    bytes: usize,
    taken: Option<OwnedSemaphorePermit>,
}

impl Rooms {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(SHARED)))
    }

    pub(super) fn enter(&self) -> Room {
        Room { shared: self.0.clone(), bytes: 0, taken: None }
    }
}

impl Room {
    /// Takes room for so many bytes more, or says that there is none now. Nobody waits for it: those who have some would wait
    /// for each other, and all of them for the slowest registry.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        let wanted = self.bytes.div_ceil(1024).saturating_sub(OWN);
        let more = wanted.saturating_sub(self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let Ok(more) = self.shared.clone().try_acquire_many_owned(more) else { return false };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn what_every_list_may_take_is_there_however_much_others_have() {
        let rooms = Rooms::new();
        let mut long: Vec<Room> = (0..4).map(|_| rooms.enter()).collect();
        assert!(long.iter_mut().all(|room| room.take(17 * MIB)), "four of the longest go together");
        let mut many: Vec<Room> = (0..1000).map(|_| rooms.enter()).collect();
        assert!(many.iter_mut().all(|room| room.take(MIB / 2) && room.take(MIB / 2)));
        assert!(!many[0].take(1));
    }

    #[test]
    fn what_a_list_took_is_there_again_when_it_has_ended() {
        let rooms = Rooms::new();
        let mut first = rooms.enter();
        assert!((0..64).all(|_| first.take(MIB)) && first.take(MIB) && !first.take(1));
        let mut second = rooms.enter();
        assert!(!second.take(2 * MIB));
        drop(first);
        assert!(second.take(MIB));
    }
}
