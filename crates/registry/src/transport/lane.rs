//! The way to one registry: so many requests at once, so many a second, and who can wait yields.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::bucket::Bucket;
use super::metrics::How;
use super::scope::Urgency;
use crate::settings::Limits;

/// How much of the burst patient requests leave alone.
const SPARED: f64 = 0.5;

/// Gives places to requests, urgent ones first.
pub(super) struct Lane(Mutex<State>);

struct State {
    at_once: usize,
    urgent: Queue,
    patient: Queue,
    bucket: Option<Bucket>,
    /// When somebody looks again whether the next one may go.
    alarm: Option<Instant>,
}

#[derive(Default)]
struct Queue {
    under_way: usize,
    waiting: VecDeque<oneshot::Sender<Place>>,
}

/// The right to have one request under way, until it is dropped.
pub(crate) struct Place {
    /// None once it is given back.
    lane: Option<Arc<Lane>>,
    urgency: Urgency,
}

/// Why a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// All places are taken, or all that such a one may take.
    Places,
    /// Until then, the rate is used up, or so much of it as such a one may use.
    Rate(Instant),
}

impl Lane {
    pub(super) fn new(limits: &Limits) -> Self {
        let bucket = Bucket::full(limits.rate, limits.burst, Instant::now());
        let (urgent, patient) = (Queue::default(), Queue::default());
        Self(Mutex::new(State { at_once: limits.requests, urgent, patient, bucket, alarm: None }))
    }

    /// A place, when it is its turn. `told` hears what it has to wait for, if that is more than its turn.
    pub(super) async fn place(self: &Arc<Self>, urgency: Urgency, told: impl FnOnce(How)) -> Option<Place> {
        let (sender, mut receiver) = oneshot::channel();
        let held = {
            let mut state = self.state();
            state.queue(urgency).waiting.push_back(sender);
            self.admit(&mut state)
        };
        if let Ok(place) = receiver.try_recv() {
            return Some(place);
        }
        match (urgency, held) {
            (Urgency::Patient, _) => told(How::Patient),
            (Urgency::Urgent, Some(Held::Rate(_))) => told(How::Rate),
            (Urgency::Urgent, _) => {}
        }
        // The sender is in the lane, which is here.
        receiver.await.ok()
    }

    /// Lets go whoever may; says what holds the next one.
    fn admit(self: &Arc<Self>, state: &mut State) -> Option<Held> {
        let held = loop {
            let (urgency, now) = (state.next()?, Instant::now());
            if let Err(held) = state.claim(urgency, now) {
                break held;
            }
            let place = Place { lane: Some(self.clone()), urgency };
            let sender = state.queue(urgency).waiting.pop_front();
            if let Some(mut place) = sender.and_then(|sender| sender.send(place).err()) {
                // Nobody waits for it any more. It is not dropped as it is, for the state is in our hands.
                place.lane = None;
                state.give_back(urgency, true);
            }
        };
        if let Held::Rate(until) = held {
            self.wake(state, until);
        }
        Some(held)
    }

    /// Has somebody look again at this moment.
    fn wake(self: &Arc<Self>, state: &mut State, until: Instant) {
        if state.alarm.is_some_and(|alarm| alarm <= until) {
            return;
        }
        // Without a runtime, as at the end of a program, nobody waits either.
        let Ok(runtime) = Handle::try_current() else { return };
        state.alarm = Some(until);
        let lane = Arc::downgrade(self);
        runtime.spawn(async move {
            sleep_until(until).await;
            let Some(lane) = lane.upgrade() else { return };
            let mut state = lane.state();
            if state.alarm == Some(until) {
                state.alarm = None;
            }
            lane.admit(&mut state);
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whose turn it is.
    fn next(&mut self) -> Option<Urgency> {
        for urgency in [Urgency::Urgent, Urgency::Patient] {
            let waiting = &mut self.queue(urgency).waiting;
            while waiting.front().is_some_and(oneshot::Sender::is_closed) {
                waiting.pop_front();
            }
            if !waiting.is_empty() {
                return Some(urgency);
            }
        }
        None
    }

    fn claim(&mut self, urgency: Urgency, now: Instant) -> Result<(), Held> {
        let half = (self.at_once / 2).max(1);
        let (spared, full) = match urgency {
            Urgency::Urgent => (0.0, false),
            Urgency::Patient => (SPARED, self.patient.under_way >= half),
        };
        if full || self.urgent.under_way + self.patient.under_way >= self.at_once {
            return Err(Held::Places);
        }
        if let Some(bucket) = &mut self.bucket {
            bucket.take(now, spared).map_err(|wait| Held::Rate(now + wait))?;
        }
        self.queue(urgency).under_way += 1;
        Ok(())
    }

    fn give_back(&mut self, urgency: Urgency, unused: bool) {
        let queue = self.queue(urgency);
        queue.under_way = queue.under_way.saturating_sub(1);
        if let Some(bucket) = self.bucket.as_mut().filter(|_| unused) {
            bucket.put_back();
        }
    }

    fn queue(&mut self, urgency: Urgency) -> &mut Queue {
        match urgency {
            Urgency::Urgent => &mut self.urgent,
            Urgency::Patient => &mut self.patient,
        }
    }
}

impl Place {
    /// Gives it back without having asked anything.
    pub(crate) fn unused(mut self) {
        self.end(true);
    }

    fn end(&mut self, unused: bool) {
        let Some(lane) = self.lane.take() else { return };
        let mut state = lane.state();
        state.give_back(self.urgency, unused);
        lane.admit(&mut state);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end(false);
    }
}

#[cfg(test)]
mod tests;
