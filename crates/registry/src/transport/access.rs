use std::sync::Arc;
use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, StatusCode};
use moka::future::Cache;
use tagger_core::reference::{Registry, Repository};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::account::{Accounts, Patience};
use super::budget::Budgets;
use super::challenge::{Scheme, choose};
use super::connectors::Connectors;
use super::merge::{self, Departure, Merging, is_had};
use super::metrics::{How, Metrics, Pauses};
use super::origin::Origin;
use super::patience;
use super::problem::ConnectProblem;
use super::tokens::{Key, NoToken, Tokens, basic_header, fetch};
use super::wire::{Answer, Call, Wire};
use crate::fault::Fault;
use crate::keychain::{Credential, CredentialId};
use crate::settings::{Limits, Settings, SettingsError};

/// Sends calls to registries with the right `Authorization`, and remembers what it learnt about each registry: how it
/// wants to be shown credentials, its tokens, which credentials it refused, and when it wants to be left alone.
pub(crate) struct Transport {
    pub(super) wire: Wire,
    pub(crate) budgets: Budgets,
    schemes: Cache<Origin, Scheme>,
    tokens: Tokens,
    refused: Cache<Key, ()>,
    accounts: Accounts,
    merging: Merging,
}

/// In whose name a repository is used, and for what: each credential in turn, then nobody's. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) scope: Scope,
    pub(crate) credentials: Arc<[Credential]>,
    pub(crate) urgency: Urgency,
}

impl Access {
    /// To read a repository.
    pub(crate) fn pull(repository: &Repository, credentials: Vec<Credential>, urgency: Urgency) -> Self {
        Self { scope: Scope::pull(repository), credentials: credentials.into(), urgency }
    }
}

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Urgency {
    /// Somebody waits for it.
    Urgent,
    /// It yields to everything else.
    Patient,
}

/// What a token is to allow: scopes of the distribution project's token specification.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope(Arc<[String]>);

impl Scope {
    /// To read a repository.
    pub(crate) fn pull(repository: &Repository) -> Self {
        Self([format!("repository:{repository}:pull")].into())
    }

    /// To read and to write a repository.
    pub(crate) fn push(repository: &Repository) -> Self {
        Self([format!("repository:{repository}:pull,push")].into())
    }

    /// To read, to write, and to remove from a repository.
    pub(crate) fn remove(repository: &Repository) -> Self {
        Self([format!("repository:{repository}:pull,push,delete")].into())
    }

    /// To write a repository, and to take blobs for it from another one.
    pub(crate) fn mount(repository: &Repository, from: &Repository) -> Self {
        Self([format!("repository:{repository}:pull,push"), format!("repository:{from}:pull")].into())
    }

    pub(crate) fn parts(&self) -> &[String] {
        &self.0
    }
}

/// What came of showing one credential.
enum Outcome {
    Answer(Box<Answer>),
    Refused(u16),
}

impl Outcome {
    /// What the registry itself said beside its answer.
    fn headers(&self, registry: &Origin) -> Option<&HeaderMap> {
        match self {
            Self::Answer(answer) if answer.origin == *registry => Some(&answer.headers),
            _ => None,
        }
    }
}

/// What there is to show for a credential.
struct Showing {
    header: Option<HeaderValue>,
    fresh: bool,
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let metrics = Metrics::default();
        let wire = Wire { connectors: Connectors::new(settings)?, limits: settings.limits.clone(), metrics };
        let hour = Duration::from_secs(60 * 60);
        Ok(Self {
            wire,
            budgets: Budgets::new(&settings.limits),
            schemes: Cache::builder().max_capacity(1_000).time_to_live(hour).build(),
            tokens: Tokens::new(),
            refused: Cache::builder().max_capacity(10_000).time_to_live(hour / 12).build(),
            accounts: Accounts::new(),
            merging: Merging::default(),
        })
    }

    /// Lets one registry more be reached.
    pub(crate) fn also_reach(&self, registry: &Registry, plain: bool) {
        self.wire.connectors.also_reach(registry, plain);
    }

    /// How long things may take.
    pub(crate) fn limits(&self) -> &Limits {
        &self.wire.limits
    }

    /// Has everything counted there.
    pub(crate) fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        self.wire.metrics.register(registry);
        let (accounts, metrics) = (self.accounts.clone(), self.wire.metrics.clone());
        registry.register_collector(Box::new(Pauses { accounts, metrics }));
    }

    /// Until when everything for one image must be done, if it begins now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.wire.limits.whole
    }

    /// Until when a call must be done, tries and all, if it begins now.
    pub(crate) fn deadline_of(&self, call: &Call) -> Instant {
        let longer = if call.slow { self.stall() } else { Duration::ZERO };
        self.deadline() + longer
    }

    /// How long to wait before something is tried again that failed this often in turn; none: not again.
    pub(crate) fn wait(&self, fault: &Fault, tries: u32) -> Option<Duration> {
        patience::wait(fault, tries, &self.wire.limits, Duration::MAX, fastrand::f64())
    }

    /// How long a blob that is sent may stand still.
    pub(crate) fn stall(&self) -> Duration {
        self.wire.limits.stall
    }

    /// Sends a call to where nothing may be shown.
    pub(crate) async fn call_openly(&self, call: &Call) -> Result<Answer, Fault> {
        self.wire.exchange(call, None, self.deadline_of(call)).await
    }

    /// Sends a body that can be sent only once. It is given up when `patience` is at its end.
    pub(crate) async fn upload(
        &self,
        url: Url,
        authorization: Option<&HeaderValue>,
        body: (reqwest::Body, u64),
        patience: impl Future<Output = ()>,
    ) -> Result<Answer, Fault> {
        self.wire.upload(url, authorization, body, patience).await
    }

    /// Notes what came of an upload in the name of a credential, where the registry limits those as well.
    pub(crate) fn note(&self, at: &Origin, credential: Option<CredentialId>, sent: Instant, fault: &Fault) {
        if fault.is_throttle() {
            self.accounts.of(at, credential).learn(sent, Err(fault));
        }
    }

    /// Whether the settings have the registry spoken to in plain HTTP.
    pub(crate) fn is_insecure(&self, registry: &Registry) -> bool {
        self.wire.connectors.is_insecure(registry)
    }

    /// The root of a registry's API, in plain HTTP where it is insecure. docker.io has its API at another name than its images.
    pub(crate) fn base(&self, registry: &Registry, insecure: bool) -> Result<Url, Fault> {
        let scheme = if insecure { "http" } else { "https" };
        let host = match registry.is_docker_hub() {
            true => "registry-1.docker.io".to_owned(),
            false => registry.to_string(),
        };
        // A name such as `a.123` is a registry by Docker's grammar and no host by that of URLs.
        Url::parse(&format!("{scheme}://{host}/v2/"))
            .map_err(|_| Fault::Unreachable { host, problem: ConnectProblem::NameUnknown })
    }

    /// Sends a call, or shares it with whoever makes the same one at this time.
    pub(crate) async fn ask(self: &Arc<Self>, call: &Call, access: &Access) -> Result<Answer, Fault> {
        let (origin, key) = (origin_of(call)?, merge::Key::of(call, access));
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
            async move { transport.call(&call, &access, Some(&departure)).await }
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
        departure: Option<&Departure>,
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
        let hopeful = hopeful.into_iter().map(Some).chain([None]);
        for credential in hopeful.chain(refused.into_iter().map(Some)) {
            let key = key(credential);
            let showing = self.show_in_turn(call, &key, credential, (access.urgency, departure));
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
        (urgency, departure): (Urgency, Option<&Departure>),
    ) -> Result<Outcome, Fault> {
        let account = self.accounts.of(&key.registry, key.credential);
        let limits = self.limits();
        let patience = Patience { longest: limits.patience, until: Instant::now() + limits.whole };
        let told = |how| self.wire.metrics.throttled(&key.registry, how);
        let mut tries = 0;
        loop {
            account.ready(urgency, patience, told).await?;
            let place = self.budgets.request(&key.registry, urgency, told).await;
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
            let deadline = self.deadline_of(call);
            let showing = timeout_at(deadline, self.show(call, key, credential, deadline)).await;
            let outcome = showing.unwrap_or_else(|_| Err(Fault::Timeout { host: key.registry.to_string() }));
            account.learn(turn.sent, outcome.as_ref().map(|outcome| outcome.headers(&key.registry)));
            drop((turn, place));
            tries += 1;
            match outcome {
                Err(fault) if fault.is_throttle() && call.again && tries < limits.tries => {}
                Err(fault) if fault.is_throttle() => return Err(fault.lasting(account.left())),
                Ok(Outcome::Answer(answer)) => {
                    let credential = key.credential;
                    return Ok(Outcome::Answer(Box::new(Answer { credential, ..*answer })));
                }
                outcome => return outcome,
            }
        }
    }

    /// Sends a call in the name of one credential: with what the registry is known to want, and once more with what it
    /// then says that it wants.
    async fn show(
        &self,
        call: &Call,
        key: &Key,
        credential: Option<&Credential>,
        deadline: Instant,
    ) -> Result<Outcome, Fault> {
        let expected = self.schemes.get(&key.registry).await;
        let shown = match &expected {
            None => Showing { header: None, fresh: false },
            Some(scheme) => match self.showing(scheme, key, credential, deadline).await {
                Ok(showing) => showing,
                Err(NoToken::Refused(status)) => return Ok(Outcome::Refused(status)),
                Err(NoToken::Fault(fault)) => return Err(fault),
            },
        };
        let answer = self.wire.exchange(call, shown.header.as_ref(), deadline).await?;
        let Some(status) = refusal(&answer) else { return Ok(Outcome::Answer(Box::new(answer))) };
        self.forget(key, &shown).await;
        // The challenge of a host that we were redirected to says nothing about the registry.
        if status != 401 || answer.origin != key.registry {
            return Ok(Outcome::Refused(status));
        }
        let challenges = answer.headers.get_all(WWW_AUTHENTICATE).iter();
        let Some(scheme) = choose(challenges.filter_map(|challenge| challenge.to_str().ok())) else {
            return Ok(Outcome::Refused(status));
        };
        if shown.fresh && expected.as_ref() == Some(&scheme) {
            return Ok(Outcome::Refused(status));
        }
        self.schemes.insert(key.registry.clone(), scheme.clone()).await;
        let again = match self.showing(&scheme, key, credential, deadline).await {
            Ok(showing) if showing.header.is_some() && showing.header != shown.header => showing,
            Ok(_) => return Ok(Outcome::Refused(status)),
            Err(NoToken::Refused(status)) => return Ok(Outcome::Refused(status)),
            Err(NoToken::Fault(fault)) => return Err(fault),
        };
        let answer = self.wire.exchange(call, again.header.as_ref(), deadline).await?;
        let Some(status) = refusal(&answer) else { return Ok(Outcome::Answer(Box::new(answer))) };
        self.forget(key, &again).await;
        Ok(Outcome::Refused(status))
    }

    /// A token that was refused is worth nothing to the next look-up either.
    async fn forget(&self, key: &Key, refused: &Showing) {
        if let Some(header) = &refused.header {
            self.tokens.forget(key, header).await;
        }
    }

    async fn showing(
        &self,
        scheme: &Scheme,
        key: &Key,
        credential: Option<&Credential>,
        deadline: Instant,
    ) -> Result<Showing, NoToken> {
        match scheme {
            Scheme::Basic => Ok(Showing { header: credential.and_then(basic_header), fresh: false }),
            Scheme::Bearer { realm, service } => {
                let fetch = fetch(&self.wire, key, (realm, service.as_deref()), credential, deadline);
                let (header, fresh) = self.tokens.get(key, fetch).await?;
                Ok(Showing { header: Some(header), fresh })
            }
        }
    }
}

/// A URL that got here is http(s) with a host.
fn origin_of(call: &Call) -> Result<Origin, Fault> {
    Origin::of(&call.url).ok_or(Fault::NotFound)
}

/// The status, when it says that whoever asked is not let in.
fn refusal(answer: &Answer) -> Option<u16> {
    matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        .then_some(answer.status.as_u16())
}
