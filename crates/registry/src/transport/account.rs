//! What a registry allows one account, and what of it is left: the limits are those of an account, and one tenant's account
//! must not stop the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use moka::sync::Cache;
use tokio::pin;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::metrics::How;
use super::origin::Origin;
use super::pause::{Held as Paused, Pause};
use super::quota::Quota;
use super::scope::Urgency;
use crate::fault::Fault;
use crate::keychain::CredentialId;
use crate::settings::Limits;

/// How soon one is to come back who waited in vain for another one's try.
const SOON: Duration = Duration::from_secs(1);

/// All accounts that were used of late: a registry with a credential, or with none.
#[derive(Clone)]
pub(crate) struct Accounts {
    first: Duration,
    accounts: Cache<(Origin, Option<CredentialId>), Arc<Account>>,
}

/// One account at one registry.
pub(crate) struct Account {
    /// Its first pause, where the registry does not say.
    first: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    pause: Pause,
    /// What the registry said last, and when.
    quota: Option<(Quota, Instant)>,
    /// When the last request went that could wait.
    patient: Option<Instant>,
}

/// What keeps a request from being made.
struct Held {
    paused: Paused,
    how: How,
}

/// The right to have a request made; one of a paused account tries for all.
pub(crate) struct Turn {
    account: Arc<Account>,
    tries: bool,
    pub(crate) sent: Instant,
}

/// How long somebody waits for a turn.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// For one pause.
    pub(crate) longest: Duration,
    /// For all of them.
    pub(crate) until: Instant,
}

impl Accounts {
    pub(crate) fn new(limits: &Limits) -> Self {
        let idle = Duration::from_secs(2 * 60 * 60);
        let accounts = Cache::builder().max_capacity(10_000).time_to_idle(idle).build();
        Self { first: limits.pause, accounts }
    }

    pub(crate) fn of(&self, registry: &Origin, credential: Option<CredentialId>) -> Arc<Account> {
        self.accounts.get_with((registry.clone(), credential), || Arc::new(Account::new(self.first)))
    }

    /// How long each pause still lasts.
    pub(super) fn pauses(&self) -> Vec<(Origin, Duration)> {
        let now = Instant::now();
        let left = |account: &Account| account.state().pause.left(now);
        self.accounts.iter().filter_map(|(key, account)| Some((key.0.clone(), left(&account)?))).collect()
    }
}

impl Account {
    fn new(first: Duration) -> Self {
        Self { first, state: Mutex::default(), changed: Notify::new() }
    }

    /// Waits while the account is paused, or what is left of it is for others; or says that it takes too long. `told` hears
    /// what is waited for.
    pub(crate) async fn ready(
        &self,
        urgency: Urgency,
        patience: Patience,
        told: impl FnOnce(How),
    ) -> Result<(), Fault> {
        let mut told = Some(told);
        loop {
            let changed = self.changed.notified();
            pin!(changed);
            // From here on nothing is missed.
            changed.as_mut().enable();
            let now = Instant::now();
            let Some(held) = self.state().held(urgency, now) else { return Ok(()) };
            if let Some(told) = told.take() {
                told(held.how);
            }
            let most = patience.longest.min(patience.until.saturating_duration_since(now));
            match held.paused.until {
                Some(until) if until.saturating_duration_since(now) > most => return Err(held.fault(now)),
                Some(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = changed => {}
                },
                None => timeout(most, changed).await.map_err(|_| held.fault(Instant::now()))?,
            }
        }
    }

    /// Takes a turn, unless something has come in between since [`Account::ready`].
    pub(crate) fn take(self: &Arc<Self>, urgency: Urgency) -> Option<Turn> {
        let sent = Instant::now();
        let mut state = self.state();
        if state.held(urgency, sent).is_some() {
            return None;
        }
        if urgency == Urgency::Patient {
            state.patient = Some(sent);
        }
        let tries = state.pause.go();
        drop(state);
        Some(Turn { account: self.clone(), tries, sent })
    }

    /// Learns from what came of a request that was sent at this moment: a fault, or an answer, with its headers where they
    /// are the registry's own.
    pub(crate) fn learn(&self, sent: Instant, outcome: Result<Option<&HeaderMap>, &Fault>) {
        let now = Instant::now();
        let mut state = self.state();
        match outcome {
            Ok(headers) => {
                state.pause.answered(sent);
                if let Some(quota) = headers.and_then(|headers| Quota::read(headers, SystemTime::now())) {
                    state.quota = Some((quota, now));
                }
            }
            Err(Fault::RateLimited { retry_after }) => {
                state.pause.limited((sent, now), (*retry_after, self.first), 429)
            }
            Err(Fault::ServerError { status, retry_after: asked @ Some(_) }) => {
                state.pause.limited((sent, now), (*asked, self.first), *status);
            }
            Err(_) => state.pause.failed(sent),
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// How long it is paused.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.state().pause.left(Instant::now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn held(&self, urgency: Urgency, now: Instant) -> Option<Held> {
        let paused = self.pause.held(now).map(|paused| Held { paused, how: How::Pause });
        let spared = || {
            let (quota, seen) = self.quota.as_ref().filter(|_| urgency == Urgency::Patient)?;
            let until = Some(quota.next_patient(*seen, self.patient, now)?);
            Some(Held { paused: Paused { until, status: 429 }, how: How::Patient })
        };
        paused.or_else(spared)
    }
}

impl Held {
    fn fault(&self, now: Instant) -> Fault {
        let left = self.paused.until.map_or(SOON, |until| until.saturating_duration_since(now));
        match self.paused.status {
            429 => Fault::RateLimited { retry_after: Some(left) },
            status => Fault::ServerError { status, retry_after: Some(left) },
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.tries {
            self.account.state().pause.given_up();
            self.account.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
