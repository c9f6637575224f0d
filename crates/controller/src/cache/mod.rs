//! Where the cache is, and with which credentials it is written to.
//!
//! An administrator names it, or else the cluster's maker does, in a ConfigMap that is read when it is needed.

mod address;
mod hosting;
mod place;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use tagger_registry::{Anonymous, Keychain};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

pub use address::{CacheAddress, CacheAddressError};
pub use hosting::HostingProblem;
pub use place::CachePlace;

/// For how long what the ConfigMap says is believed.
const FOUND: Duration = Duration::from_secs(30);
/// For how long it is believed that there is no cache, or none that can be used: somebody may be about to mend that.
const MISSING: Duration = Duration::from_secs(5);
/// How long the API server may take.
const LONGEST: Duration = Duration::from_secs(10);

/// What an administrator says of the cache.
#[derive(Clone)]
pub struct CacheSettings {
    /// Where images are pushed to; without it, the ConfigMap `kube-public/local-registry-hosting` says so.
    pub push: Option<CacheAddress>,
    /// Where nodes pull them from, when that is another address.
    pub refer: Option<CacheAddress>,
    /// Whether it is spoken to in plain HTTP.
    pub insecure: bool,
    /// Whether Tagger is in a Pod, for which the machine's own address is another's.
    pub inside: bool,
    /// The credentials that the cache may be shown.
    pub keychain: Arc<dyn Keychain>,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { push: None, refer: None, insecure: false, inside: true, keychain: Arc::new(Anonymous) }
    }
}

impl fmt::Debug for CacheSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { push, refer, insecure, .. } = self;
        write!(f, "CacheSettings {{ push: {push:?}, refer: {refer:?}, insecure: {insecure} }}")
    }
}

/// Why there is no cache to copy to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheProblem {
    /// Nobody named one.
    #[error(
        "no cache is configured: set CACHE_REGISTRY_ADDRESS, or describe the cluster's registry in the ConfigMap {NAMESPACE}/{NAME}",
        NAMESPACE = hosting::NAMESPACE, NAME = hosting::NAME
    )]
    None,
    /// The ConfigMap names one, and not in the right way.
    #[error("the ConfigMap {NAMESPACE}/{NAME} {0}", NAMESPACE = hosting::NAMESPACE, NAME = hosting::NAME)]
    Hosting(#[from] HostingProblem),
    /// The ConfigMap could not be read.
    #[error("the ConfigMap {NAMESPACE}/{NAME} could not be read: {0}", NAMESPACE = hosting::NAMESPACE, NAME = hosting::NAME)]
    Unread(String),
    /// The name of the Tag gives none of a repository there.
    #[error("the Tag {tag} has no place in the cache: {problem}; give it another name")]
    Name {
        /// The Tag's name.
        tag: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl CacheProblem {
    /// One fixed word, good as a condition reason, an Event reason and a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::None => "NoCache",
            Self::Hosting(_) | Self::Name { .. } => "CacheInvalid",
            Self::Unread(_) => "CacheUnknown",
        }
    }
}

/// Tells where the cache is, now. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub struct Cache {
    client: Client,
    settings: Arc<CacheSettings>,
    known: Arc<Mutex<Option<Known>>>,
}

/// What the ConfigMap said, and until when that is believed.
struct Known {
    said: Result<CachePlace, CacheProblem>,
    until: Instant,
}

impl Cache {
    /// The cache that these settings name, or that the cluster of this client does.
    pub fn new(client: Client, settings: CacheSettings) -> Self {
        Self { client, settings: Arc::new(settings), known: Arc::default() }
    }

    /// Where the cache is. The ConfigMap is read when nobody has within half a minute, and once however many ask.
    pub async fn place(&self) -> Result<CachePlace, CacheProblem> {
        let settings = &self.settings;
        if let Some(push) = &settings.push {
            let refer = settings.refer.as_ref().unwrap_or(push);
            let plain = push.plain().unwrap_or(settings.insecure);
            return Ok(CachePlace::new(push.clone(), refer.clone(), plain));
        }
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| Instant::now() < known.until) {
            return known.said.clone();
        }
        let said = self.hosted().await;
        let until = Instant::now() + if said.is_ok() { FOUND } else { MISSING };
        *known = Some(Known { said: said.clone(), until });
        said
    }

    /// The client that writes to the cache: it has the cache's credentials, and may reach it wherever it is.
    pub fn client(&self, registry: &tagger_registry::Client, place: &CachePlace) -> tagger_registry::Client {
        registry.also_reach(place.registry(), place.is_plain());
        registry.with_only(self.settings.keychain.clone())
    }

    async fn hosted(&self) -> Result<CachePlace, CacheProblem> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), hosting::NAMESPACE);
        let found = match timeout(LONGEST, api.get_opt(hosting::NAME)).await {
            Ok(Ok(found)) => found,
            Ok(Err(kube::Error::Api(refused))) if refused.is_forbidden() => {
                let lacking =
                    "Tagger's ServiceAccount lacks the right to get it; apply manifests/01_rbac.yaml";
                return Err(CacheProblem::Unread(lacking.to_owned()));
            }
            Ok(Err(error)) => return Err(CacheProblem::Unread(error.to_string())),
            Err(_) => return Err(CacheProblem::Unread("the API server did not answer in time".to_owned())),
        };
        let data = found.ok_or(CacheProblem::None)?.data.unwrap_or_default();
        let place = hosting::place(&data, self.settings.inside, self.settings.insecure)?;
        Ok(place.ok_or(CacheProblem::None)?.referred_to_at(self.settings.refer.as_ref()))
    }
}
