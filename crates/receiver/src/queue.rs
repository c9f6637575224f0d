//! The tags that were told of and not looked at yet: each once, in the order in which they came, and no more than are bounded.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::Stream;
use futures::task::AtomicWaker;
use prometheus_client::metrics::gauge::Gauge;
use tagger_core::reference::Reference;

/// A queue that holds at most so many references.
///
/// The end that comes out gives all that waits at once, and ends when nobody can put anything in any more.
pub fn queue(capacity: usize) -> (Queue, Waiting) {
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        length: Gauge::default(),
        taker: AtomicWaker::new(),
        capacity,
    });
    (Queue(Arc::new(Inlet(shared.clone()))), Waiting(shared))
}

/// The end that references go in at.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Inlet>);

/// The end that they come out at: all that waits, at once.
#[derive(Debug)]
pub struct Waiting(Arc<Shared>);

/// What became of an offer that was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// So many references wait now that did not before.
    pub queued: usize,
    /// So many were waiting already.
    pub merged: usize,
}

/// There is no room for all that was offered, and nothing of it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many notifications wait to be looked at; send this one again in a moment")]
pub struct Full;

#[derive(Debug)]
struct Inlet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    length: Gauge,
    taker: AtomicWaker,
    capacity: usize,
}

#[derive(Debug, Default)]
struct State {
    known: HashSet<Reference>,
    in_order: Vec<Reference>,
    is_closed: bool,
}

impl Queue {
    /// Puts all of these in, or none of them. Those that wait already go on waiting, once.
    pub fn offer(&self, references: Vec<Reference>) -> Result<Taken, Full> {
        let shared = &self.0.0;
        let mut state = shared.state();
        let offered = references.len();
        let mut new = HashSet::new();
        let new: Vec<Reference> = references
            .into_iter()
            .filter(|reference| !state.known.contains(reference) && new.insert(reference.clone()))
            .collect();
        if new.len() > shared.capacity.saturating_sub(state.in_order.len()) {
            return Err(Full);
        }
        let taken = Taken { queued: new.len(), merged: offered - new.len() };
        state.known.extend(new.iter().cloned());
        state.in_order.extend(new);
        shared.tell(&state);
        drop(state);
        if taken.queued > 0 {
            shared.taker.wake();
        }
        Ok(taken)
    }

    /// How many references wait: a gauge that is kept up to date.
    pub fn length(&self) -> Gauge {
        self.0.0.length.clone()
    }
}

impl Stream for Waiting {
    type Item = Vec<Reference>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Vec<Reference>>> {
        let shared = &self.0;
        // Whoever puts something in after this wakes the task; whatever was put in before is seen below.
        shared.taker.register(task.waker());
        let mut state = shared.state();
        if state.in_order.is_empty() {
            return if state.is_closed { Poll::Ready(None) } else { Poll::Pending };
        }
        let all = std::mem::take(&mut state.in_order);
        state.known = HashSet::new();
        shared.tell(&state);
        Poll::Ready(Some(all))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, state: &State) {
        self.length.set(i64::try_from(state.in_order.len()).unwrap_or(i64::MAX));
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.0.state().is_closed = true;
        self.0.taker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, StreamExt};

    fn references(names: &[&str]) -> Vec<Reference> {
        names.iter().map(|name| format!("a.io/{name}").parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn all_that_waits_comes_at_once_and_in_order() {
        let (queue, mut waiting) = queue(10);
        assert_eq!(waiting.next().now_or_never(), None);
        queue.offer(references(&["b", "a"])).unwrap();
        queue.offer(references(&["c", "a", "c"])).unwrap();
        assert_eq!(queue.length().get(), 3);
        assert_eq!(waiting.next().await.unwrap(), references(&["b", "a", "c"]));
        assert_eq!((queue.length().get(), waiting.next().now_or_never()), (0, None));
    }

    #[tokio::test]
    async fn ten_thousand_equal_ones_are_one() {
        let (queue, mut waiting) = queue(10);
        assert_eq!(queue.offer(references(&["a"])), Ok(Taken { queued: 1, merged: 0 }));
        for _ in 1..10_000 {
            assert_eq!(queue.offer(references(&["a"])), Ok(Taken { queued: 0, merged: 1 }));
        }
        assert_eq!(waiting.next().await.unwrap(), references(&["a"]));
        assert_eq!(queue.offer(references(&["a"])), Ok(Taken { queued: 1, merged: 0 }), "it is news again");
    }

    #[tokio::test]
    async fn what_does_not_fit_whole_is_not_taken_at_all() {
        let (queue, mut waiting) = queue(3);
        queue.offer(references(&["a", "b"])).unwrap();
        assert_eq!(queue.offer(references(&["c", "d"])), Err(Full));
        assert_eq!(queue.offer(references(&["a", "b", "c", "c"])), Ok(Taken { queued: 1, merged: 3 }));
        assert_eq!(queue.offer(references(&["d"])), Err(Full));
        assert_eq!(queue.offer(references(&["a"])), Ok(Taken { queued: 0, merged: 1 }));
        assert_eq!(waiting.next().await.unwrap(), references(&["a", "b", "c"]));
        queue.offer(references(&["d", "e", "f"])).unwrap();
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_and_the_end_is_told() {
        let (queue, waiting) = queue(3);
        let all = tokio::spawn(waiting.collect::<Vec<_>>());
        tokio::task::yield_now().await;
        queue.clone().offer(references(&["a"])).unwrap();
        tokio::task::yield_now().await;
        drop(queue);
        assert_eq!(all.await.unwrap().concat(), references(&["a"]));
    }
}
