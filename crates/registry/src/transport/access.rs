use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use moka::future::Cache;
use tagger_core::reference::{Registry, TagName};
use tokio::time::Instant;
use url::Url;

use super::account::Accounts;
use super::answer::Answer;
use super::budget::Budgets;
use super::call::Call;
use super::challenge::Scheme;
use super::connectors::Connectors;
use super::merge::Merging;
use super::metrics::{Metrics, Pauses};
use super::origin::Origin;
use super::patience;
use super::problem::ConnectProblem;
use super::tokens::{Key, Tokens};
use super::wire::Wire;
use crate::fault::Fault;
use crate::keychain::CredentialId;
use crate::settings::{Limits, Settings, SettingsError};

/// Sends calls to registries with the right `Authorization`, and remembers what it learnt about each registry: how it
/// wants to be shown credentials, its tokens, which credentials it refused, and when it wants to be left alone.
pub(crate) struct Transport {
    pub(super) wire: Wire,
    pub(crate) budgets: Budgets,
    pub(super) schemes: Cache<Origin, Scheme>,
    pub(super) tokens: Tokens,
    pub(super) refused: Cache<Key, ()>,
    pub(super) accounts: Accounts,
    pub(super) merging: Merging<Arc<Answer>>,
    pub(crate) lists: Merging<Option<Arc<[TagName]>>>,
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
            accounts: Accounts::new(&settings.limits),
            merging: Merging::default(),
            lists: Merging::default(),
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
        registry.register_collector(Box::new(Pauses::of(accounts, metrics)));
    }

    /// How long a call may take, tries and all.
    pub(super) fn time_of(&self, call: &Call) -> Duration {
        let longer = if call.slow { self.stall() } else { Duration::ZERO };
        self.wire.limits.whole + longer
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
        self.wire.exchange(call, None, Instant::now() + self.time_of(call)).await
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
        let host = match (self.wire.connectors.detour(registry), insecure) {
            (Some(at), true) => at.to_string(),
            // Its certificate has its own name, which the resolver leads there.
            (Some(at), false) => format!("{}:{}", registry.host(), at.port()),
            (None, _) if registry.is_docker_hub() => "registry-1.docker.io".to_owned(),
            (None, _) => registry.to_string(),
        };
        // A name such as `a.123` is a registry by Docker's grammar and no host by that of URLs.
        Url::parse(&format!("{scheme}://{host}/v2/"))
            .map_err(|_| Fault::Unreachable { host, problem: ConnectProblem::NameUnknown })
    }
}
