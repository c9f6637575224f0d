use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Lets one at a time do the same thing, so that the others find it done.
pub(crate) struct Flights<K>(Arc<Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>>);

/// The right to do something, until it is dropped.
pub(crate) struct Flight<K: Hash + Eq> {
    flights: Arc<Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>>,
    key: K,
    turn: Option<OwnedMutexGuard<()>>,
}

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Hash + Eq + Clone> Flights<K> {
    /// Waits for whoever does the same.
    pub(crate) async fn board(&self, key: K) -> Flight<K> {
        let turn = {
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            flights.entry(key.clone()).or_default().clone()
        };
        // Made before the wait, so that one who is dropped while waiting cleans up as well.
        let mut flight = Flight { flights: self.0.clone(), key, turn: None };
        flight.turn = Some(turn.lock_owned().await);
        flight
    }
}

impl<K: Hash + Eq> Drop for Flight<K> {
    fn drop(&mut self) {
        self.turn = None;
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.get(&self.key).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn one_at_a_time_does_the_same_thing_and_nothing_is_left_behind() {
        let (flights, under_way) = (Flights::default(), AtomicUsize::new(0));
        let one = async |key: u8| {
            let _flight = flights.board(key).await;
            assert_eq!(under_way.fetch_add(1, Ordering::SeqCst), 0);
            tokio::task::yield_now().await;
            under_way.fetch_sub(1, Ordering::SeqCst);
        };
        join_all((0..10).map(|_| one(1))).await;
        assert!(flights.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn one_that_is_given_up_while_waiting_is_not_in_the_way() {
        let flights = Flights::default();
        let first = flights.board(1).await;
        let second = tokio::time::timeout(std::time::Duration::ZERO, flights.board(1)).await;
        assert!(second.is_err());
        drop(first);
        drop(flights.board(1).await);
        assert!(flights.0.lock().unwrap().is_empty());
    }
}
