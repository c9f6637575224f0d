//! Asks a registry when it is its turn, in one name after the other.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, timeout, timeout_at};

use super::access::Transport;
use super::account::Patience;
use super::answer::Answer;
use super::call::Call;
use super::merge::{self, Departure, is_had};
use super::metrics::How;
use super::origin::Origin;
use super::scope::{Access, Urgency};
use super::show::Outcome;
use super::tokens::Key;
use crate::fault::Fault;
use crate::keychain::Credential;

/// What is told when a request is sent.
type Departing = Departure<Arc<Answer>>;

/// What is left of a call's time, in whoever's name it is made. Waiting for a place uses nothing of it up.
struct Left {
    /// For those who are asked.
    asking: Duration,
    /// For pauses.
    pausing: Duration,
}

impl Transport {
    /// Sends a call, or shares it with whoever makes the same one at this time.
    pub(crate) async fn ask(self: &Arc<Self>, call: &Call, access: &Access) -> Result<Answer, Fault> {
        let (origin, key) = (origin_of(call)?, merge::Key::of(call, access));
        self.wire.metrics.name(&origin);
        // On the heap: it is large, and indexes within indexes would have it on the stack once for each of them.
        let Some(key) = key else { return Box::pin(self.call(call, access, None)).await };
        if let Some(flight) = call.lasting.then(|| self.merging.under_way(&key)).flatten() {
            let outcome = flight.await;
            if is_had(&outcome) {
                self.wire.metrics.throttled(&origin, How::Merged);
                return outcome.map(|answer| answer.copy());
            }
        }
        let (flight, shared) = self.merging.next(key, |departure| {
            let (transport, call, access) = (self.clone(), call.clone(), access.clone());
            async move { transport.call(&call, &access, Some(&departure)).await.map(Arc::new) }
        });
        if shared {
            self.wire.metrics.throttled(&origin, How::Merged);
        }
        flight.await.map(|answer| answer.copy())
    }

    /// Sends a call, showing one credential after the other until one is let in. It has a place among the requests of the
    /// registry while it does so.
    async fn call(
        &self,
        call: &Call,
        access: &Access,
        departure: Option<&Departing>,
    ) -> Result<Answer, Fault> {
        let origin = origin_of(call)?;
        let key = |credential: Option<&Credential>| Key {
            registry: origin.clone(),
            scope: access.scope.clone(),
            credential: credential.map(Credential::id),
        };
        // One that was refused a moment ago is tried again only when everything else is refused as well: a wrong password
        // must not cost a request at each look-up, nor lock an account.
        let (refused, hopeful): (Vec<_>, Vec<_>) = access
            .credentials
            .iter()
            .partition(|credential| self.refused.contains_key(&key(Some(credential))));
        let mut last = StatusCode::UNAUTHORIZED.as_u16();
        let mut left = Left { asking: self.time_of(call), pausing: self.limits().whole };
        let hopeful = hopeful.into_iter().map(Some).chain([None]);
        for credential in hopeful.chain(refused.into_iter().map(Some)) {
            let key = key(credential);
            let showing = self.show_in_turn(call, &key, credential, (access.urgency, departure), &mut left);
            match showing.await? {
                Outcome::Answer(answer) => return Ok(*answer),
                Outcome::Refused(status) => last = status,
            }
            if credential.is_some() {
                self.refused.insert(key, ()).await;
            }
        }
        Err(Fault::Unauthorized { status: last, credentials: access.credentials.len() })
    }

    /// Sends a call in the name of one credential when its account is not paused and the registry has a place, and again
    /// when the registry wants it later. Its time begins when it is its turn: a registry that much is asked of is not late.
    async fn show_in_turn(
        &self,
        call: &Call,
        key: &Key,
        credential: Option<&Credential>,
        (urgency, departure): (Urgency, Option<&Departing>),
        left: &mut Left,
    ) -> Result<Outcome, Fault> {
        let account = self.accounts.of(&key.registry, key.credential);
        let limits = self.limits();
        let told = |how| self.wire.metrics.throttled(&key.registry, how);
        let mut tries = 0;
        loop {
            let begun = Instant::now();
            let most = Patience { longest: limits.patience, until: begun + left.pausing };
            account.ready(urgency, most, told).await?;
            left.pausing = left.pausing.saturating_sub(begun.elapsed());
            let place = self.budgets.request(&key.registry, urgency, told);
            let place = match urgency {
                Urgency::Urgent => place.await,
                // What it waits for is no fault of the registry's, and is not told as one.
                Urgency::Patient => {
                    let late = Fault::Deferred { left: limits.patience };
                    timeout(limits.whole / 2, place).await.map_err(|_| late)?
                }
            };
            // Much may have happened while it waited for its place.
            let Some(turn) = account.take(urgency) else {
                if let Some(place) = place {
                    place.unused();
                }
                continue;
            };
            if let Some(departure) = departure {
                departure.leave();
            }
            // One that brings a blob has all of its time each time that it is tried.
            let time = if call.slow { self.time_of(call) } else { left.asking };
            let deadline = turn.sent + time;
            let showing = timeout_at(deadline, self.show(call, key, credential, deadline)).await;
            let outcome = showing.unwrap_or_else(|_| Err(Fault::Timeout { host: key.registry.to_string() }));
            left.asking = left.asking.saturating_sub(turn.sent.elapsed());
            account.learn(turn.sent, outcome.as_ref().map(|outcome| outcome.headers(&key.registry)));
            drop((turn, place));
            tries += 1;
            match outcome {
                Err(fault) if fault.is_throttle() => {
                    let pause = account.left();
                    let too_long = pause.is_some_and(|pause| pause > limits.patience);
                    if !call.again || tries >= limits.tries || too_long {
                        return Err(fault.lasting(pause));
                    }
                }
                Ok(Outcome::Answer(answer)) => {
                    let (credential, took) = (key.credential, self.time_of(call).saturating_sub(left.asking));
                    return Ok(Outcome::Answer(Box::new(Answer { credential, took, ..*answer })));
                }
                outcome => return outcome,
            }
        }
    }
}

/// A URL that got here is http(s) with a host.
fn origin_of(call: &Call) -> Result<Origin, Fault> {
    Origin::of(&call.url).ok_or(Fault::NotFound)
}
