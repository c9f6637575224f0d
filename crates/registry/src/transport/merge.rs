//! Equal requests at a time are one. An answer is never older than the question: who asks when a request is on its way
//! already does not get its answer, but shares the next one with all who ask meanwhile.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use http::{Method, StatusCode};
use tokio::sync::Semaphore;
use url::Url;

use super::answer::Answer;
use super::call::{Call, Payload, Read};
use super::scope::{Access, Scope, Urgency};
use crate::fault::Fault;
use crate::keychain::CredentialId;

/// What requests have in common that are equal. One tenant's answer is never another one's, and nobody who is in a hurry
/// waits with those who are not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    method: Method,
    url: Url,
    accept: Option<&'static str>,
    most: usize,
    follow: bool,
    scope: Scope,
    credentials: Vec<CredentialId>,
    urgency: Urgency,
}

impl Key {
    /// None for what is no question, or has an answer that only one can read.
    pub(crate) fn of(call: &Call, access: &Access) -> Option<Self> {
        let Read::Whole(most) = call.read else { return None };
        let asks = matches!(call.method, Method::GET | Method::HEAD) && call.from == 0;
        (asks && matches!(call.payload, Payload::None)).then(|| Self {
            method: call.method.clone(),
            url: call.url.clone(),
            accept: call.accept,
            most,
            follow: call.follow,
            scope: access.scope.clone(),
            credentials: access.credentials.iter().map(|credential| credential.id()).collect(),
            urgency: access.urgency,
        })
    }
}

/// What came of a request, for all who wait for it.
type Outcome<T> = Result<T, Fault>;
/// A request that goes on as long as somebody waits for it.
pub(crate) type Flight<T> = Shared<BoxFuture<'static, Outcome<T>>>;

/// The requests that are on their way or will be, and lists of many.
pub(crate) struct Merging<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    slots: HashMap<Key, Slot<T>>,
    last: u64,
}

impl<T> Default for Merging<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { slots: HashMap::new(), last: 0 })))
    }
}

/// At most one request is on its way, and one waits for it to end.
struct Slot<T> {
    turn: Arc<Semaphore>,
    sent: Option<Entry<T>>,
    waiting: Option<Entry<T>>,
}

struct Entry<T> {
    id: u64,
    flight: WeakShared<BoxFuture<'static, Outcome<T>>>,
}

/// Tells when a request is sent, from when on nobody may share it.
pub(crate) struct Departure<T> {
    state: Arc<Mutex<State<T>>>,
    key: Key,
    id: u64,
}

/// Takes a request off the list when it has ended, or nobody waits for it any more.
struct Arrival<T>(Departure<T>);

impl<T: Clone + Send + Sync + 'static> Merging<T> {
    /// The request that is on its way, for those who want what never changes.
    pub(super) fn under_way(&self, key: &Key) -> Option<Flight<T>> {
        let state = lock(&self.0);
        let slot = state.slots.get(key)?;
        [&slot.sent, &slot.waiting].into_iter().flatten().find_map(|entry| entry.flight.upgrade())
    }

    /// The request that will be sent next: one that waits already, which is told, or a new one.
    pub(crate) fn next<F>(&self, key: Key, new: impl FnOnce(Departure<T>) -> F) -> (Flight<T>, bool)
    where
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let mut state = lock(&self.0);
        state.last += 1;
        let id = state.last;
        let fresh = || Slot { turn: Arc::new(Semaphore::new(1)), sent: None, waiting: None };
        let slot = state.slots.entry(key.clone()).or_insert_with(fresh);
        if let Some(flight) = slot.waiting.as_ref().and_then(|entry| entry.flight.upgrade()) {
            return (flight, true);
        }
        let departure = |key| Departure { state: self.0.clone(), key, id };
        let arrival = Arrival(departure(key.clone()));
        let (turn, asking) = (slot.turn.clone(), new(departure(key)));
        let flight = async move {
            // Let go after the turn.
            let _arrival = arrival;
            // It is never closed.
            let _turn = turn.acquire_owned().await.ok();
            asking.await
        };
        let flight = flight.boxed().shared();
        slot.waiting = flight.downgrade().map(|flight| Entry { id, flight });
        (flight, false)
    }
}

impl<T> Departure<T> {
    /// The request is sent now.
    pub(crate) fn leave(&self) {
        let mut state = lock(&self.state);
        let Some(slot) = state.slots.get_mut(&self.key) else { return };
        if slot.waiting.as_ref().is_some_and(|entry| entry.id == self.id) {
            slot.sent = slot.waiting.take();
        }
    }
}

impl<T> Drop for Arrival<T> {
    fn drop(&mut self) {
        let Departure { state, key, id } = &self.0;
        let mut state = lock(state);
        let Some(slot) = state.slots.get_mut(key) else { return };
        for entry in [&mut slot.sent, &mut slot.waiting] {
            entry.take_if(|entry| entry.id == *id);
        }
        if slot.sent.is_none() && slot.waiting.is_none() {
            state.slots.remove(key);
        }
    }
}

/// Whether what never changes was had: a refusal may well be over by now.
pub(super) fn is_had(outcome: &Result<Arc<Answer>, Fault>) -> bool {
    outcome.as_ref().is_ok_and(|answer| answer.status == StatusCode::OK)
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
