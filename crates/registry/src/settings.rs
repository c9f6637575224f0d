use std::net::SocketAddr;
use std::time::Duration;

use tagger_core::reference::Registry;

use crate::registries_conf::RegistriesConf;

/// Says what an administrator allows: which registries may be private or insecure, whom to trust, how long to wait.
///
/// The default is the safe one: `https`, the system's certificate authorities, public addresses, names without a
/// registry on docker.io.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Registries that speak plain HTTP. They may be at private addresses, too.
    pub insecure: Vec<Registry>,
    /// Hosts (registries, but token servers and redirect targets as well) that may be at private or loopback addresses.
    pub private: Vec<Registry>,
    /// Whether any host may be at a private or loopback address. Link-local and metadata addresses stay refused.
    pub private_everywhere: bool,
    /// Certificate authorities beside those of the system.
    pub authorities: Vec<Authority>,
    /// Where a name without a registry is looked for, in this order.
    pub unqualified: Vec<Registry>,
    /// Mirrors, other locations, and what is blocked. Its [`RegistriesConf::unqualified`] is for whoever fills in
    /// [`Settings::unqualified`].
    pub registries: RegistriesConf,
    /// Registries that are reached elsewhere than their names say, such as one within a cluster through a port-forward.
    pub detours: Vec<Detour>,
    /// What is sent as `User-Agent`.
    pub user_agent: String,
    /// How long things may take.
    pub limits: Limits,
}

/// Says at which address a registry is reached. Everything else goes by its name: which credentials it is shown, which
/// certificate it must have, and what its images are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detour {
    /// The registry.
    pub registry: Registry,
    /// Where it answers. That address may be private or of this machine, and is asked without a proxy.
    pub at: SocketAddr,
}

/// Says whose certificates are to be believed.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The one host that it counts for; none: all of them.
    pub registry: Option<Registry>,
    /// One certificate or several, in PEM.
    pub pem: Vec<u8>,
}

/// Says how long an exchange with a registry may take, how much goes on at once, and how often it is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection stands, TLS and all.
    pub connect: Duration,
    /// Until the answer begins, and between two pieces of it.
    pub first_byte: Duration,
    /// What a registry may take for one request: tries, tokens, one credential after the other. A list of several pages may take
    /// four times as long. It begins when the request is made: waiting for our own places and rate is no fault of the registry's.
    pub whole: Duration,
    /// How long a blob that is sent may stand still, and how long a registry may take to put it away when it has all of it. So
    /// long may a source take for 1 MiB, too.
    pub stall: Duration,
    /// How many short requests one registry is asked at once.
    pub requests: usize,
    /// How many short requests one registry is asked a second, once `burst` is used up; 0: as many as it answers.
    pub rate: u32,
    /// How many short requests one registry may be asked before the rate counts. It fills up at the rate.
    pub burst: u32,
    /// How many blobs are on their way from one registry at once; to one, from several, four times as many.
    pub transfers: usize,
    /// How often a request is made before its failure is reported; at least 1.
    pub tries: u32,
    /// The wait before the second try, at most; it doubles from there. Half of it is left to chance.
    pub backoff: Duration,
    /// How long an account is left alone that its registry limits (429) without saying for how long, the first time. It doubles
    /// each time in turn, to five minutes.
    pub pause: Duration,
    /// The longest pause that is waited for in place; a longer one is reported at once.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(10),
            whole: Duration::from_secs(30),
            stall: Duration::from_secs(120),
            requests: 32,
            rate: 500,
            burst: 2_000,
            transfers: 6,
            tries: 3,
            backoff: Duration::from_millis(200),
            pause: Duration::from_secs(1),
            patience: Duration::from_secs(5),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            insecure: Vec::new(),
            private: Vec::new(),
            private_everywhere: false,
            authorities: Vec::new(),
            unqualified: vec![Registry::docker_hub()],
            registries: RegistriesConf::default(),
            detours: Vec::new(),
            user_agent: concat!("tagger/", env!("CARGO_PKG_VERSION")).into(),
            limits: Limits::default(),
        }
    }
}

/// Says which setting can't be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// There is nowhere to look for a name without a registry.
    #[error("no registry to look for unqualified names in; give at least one, such as docker.io")]
    NoUnqualified,
    /// A file of certificate authorities holds none, or a damaged one.
    #[error("the certificate authority for {whom} can't be used: {problem}; it must be a PEM file")]
    Authority {
        /// The registry that it is for, or all.
        whom: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The user agent has characters that no header may have.
    #[error("{0:?} can't be sent as User-Agent")]
    UserAgent(String),
    /// A limit is nought.
    #[error("the limit {0} must be more than nought")]
    Limit(&'static str),
}

impl Settings {
    /// Finds what can't be honoured, certificates aside.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let limits = &self.limits;
        let nought = [
            ("connect", limits.connect.is_zero()),
            ("first_byte", limits.first_byte.is_zero()),
            ("whole", limits.whole.is_zero()),
            ("stall", limits.stall.is_zero()),
            ("tries", limits.tries == 0),
            ("requests", limits.requests == 0),
            ("transfers", limits.transfers == 0),
            ("burst", limits.rate > 0 && limits.burst == 0),
        ];
        if let Some((name, _)) = nought.into_iter().find(|(_, nought)| *nought) {
            return Err(SettingsError::Limit(name));
        }
        if self.unqualified.is_empty() {
            return Err(SettingsError::NoUnqualified);
        }
        match http::HeaderValue::from_str(&self.user_agent) {
            Ok(_) => Ok(()),
            Err(_) => Err(SettingsError::UserAgent(self.user_agent.clone())),
        }
    }
}
