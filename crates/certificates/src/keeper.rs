//! The task that keeps certificates and registration as they are wanted.

mod changes;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::authority::{Authority, AuthorityError, Leaf};
use crate::bundle::Bundle;
use crate::injection::{self, Build, InjectionError};
use crate::owner::{self, owned};
use crate::secret::{self, Held, SecretError};
use crate::server;
use crate::serving::Serving;
use crate::verdict::{Reason, Verdict};

/// How a [`Keeper`] works.
#[derive(Clone)]
pub struct Settings {
    /// The namespace that the operator runs in; the authority is kept there.
    pub namespace: String,
    /// The DNS names and IP addresses that the API server finds the webhook at.
    pub names: Vec<String>,
    /// Makes the registrations that are wanted.
    pub registration: Build,
    /// The ClusterRole that the registrations belong to, and go with.
    pub owner: Option<String>,
    /// How often everything is looked at, though nothing seems to have changed.
    pub recheck: Duration,
    /// How long API servers are given to hear of a new authority before a certificate of it is served.
    pub settle: Duration,
}

impl Settings {
    /// What suits a cluster.
    pub fn new(namespace: impl Into<String>, names: Vec<String>, registration: Build) -> Self {
        let (recheck, settle) = (Duration::from_secs(60), Duration::from_secs(5));
        Self { namespace: namespace.into(), names, registration, owner: None, recheck, settle }
    }

    /// Has the registrations belong to this ClusterRole, so that they go when it is deleted.
    pub fn owned_by(self, role: impl Into<String>) -> Self {
        Self { owner: Some(role.into()), ..self }
    }
}

/// Why certificates or registration are not as they are wanted.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The authority can't be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The registration can't be written.
    #[error(transparent)]
    Injection(#[from] InjectionError),
    /// A certificate can't be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The registrations' owner can't be asked for.
    #[error("ClusterRole {0}, which the registrations go with, can't be read: {1}; it is tried again")]
    Owner(String, #[source] kube::Error),
    /// The server's version can't be asked for.
    #[error("the API server's version can't be asked for: {0}; it is tried again")]
    Version(#[source] kube::Error),
    /// The API server takes too long.
    #[error("the API server did not answer in {0:?}; it is tried again")]
    TooSlow(Duration),
}

/// The shortest time between two looks: two replicas that want different registrations, as while one is replaced by a
/// newer one, then can't wear each other out.
const PAUSE: Duration = Duration::from_secs(2);

/// The times between tries while they fail.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// How long the API server may take to answer all that one look asks.
const DEADLINE: Duration = Duration::from_secs(30);

/// Keeps certificates and registration as they are wanted, until it is dropped.
#[derive(Debug)]
pub struct Keeper {
    tls: Arc<ServerConfig>,
    ready: watch::Receiver<bool>,
    serving: Arc<Serving>,
    authority: watch::Receiver<Option<Timestamp>>,
    task: JoinHandle<()>,
}

/// When the certificates of the moment expire; none where there is none yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiry {
    /// The one that is served.
    pub serving: Option<Timestamp>,
    /// The authority's.
    pub authority: Option<Timestamp>,
}

impl Keeper {
    /// Starts the task. What fails is logged and tried again, for as long as it takes.
    pub fn start(client: Client, settings: Settings) -> Result<Self, rustls::Error> {
        let serving = Arc::new(Serving::default());
        let tls = Arc::new(serving.config()?);
        let (ready, readiness) = watch::channel(false);
        let (expires, authority) = watch::channel(None);
        let keeping = Keeping { client, settings, serving: serving.clone(), authority: None, expires, ready };
        Ok(Self { tls, ready: readiness, serving, authority, task: tokio::spawn(keeping.run()) })
    }

    /// The configuration to serve with: it always has the certificate of the moment. Handshakes fail until there is one.
    pub fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.tls)
    }

    /// Whether a certificate is served that the API server was told to trust.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.clone()
    }

    /// When the certificates expire, as of each time that it is asked.
    pub fn expiry(&self) -> impl Fn() -> Expiry + Send + Sync + use<> {
        let (serving, authority) = (Arc::clone(&self.serving), self.authority.clone());
        move || Expiry {
            serving: serving.leaf().map(|leaf| leaf.validity.not_after),
            authority: *authority.borrow(),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Keeping {
    client: Client,
    settings: Settings,
    serving: Arc<Serving>,
    authority: Option<Authority>,
    /// When the authority does.
    expires: watch::Sender<Option<Timestamp>>,
    ready: watch::Sender<bool>,
}

impl Keeping {
    async fn run(mut self) {
        let registration = (self.settings.registration)("", false);
        let mut changes = changes::watch(&self.client, &self.settings.namespace, &registration);
        let mut retry = FIRST_RETRY;
        loop {
            changes.forget();
            let wait = match self.look(Timestamp::now()).await {
                Ok(()) => {
                    retry = FIRST_RETRY;
                    self.settings.recheck
                }
                Err(error) => {
                    tracing::warn!(%error, "the webhook's certificates are not as they should be");
                    let later = (retry * 2).min(LAST_RETRY);
                    std::mem::replace(&mut retry, later)
                }
            };
            let pause = PAUSE.min(wait);
            sleep(pause).await;
            tokio::select! {
                () = sleep(wait.saturating_sub(pause)) => {}
                () = changes.next() => {}
            }
        }
    }

    /// Looks at everything once, and puts it right.
    async fn look(&mut self, now: Timestamp) -> Result<(), KeeperError> {
        let published = timeout(DEADLINE, self.publish(now)).await;
        match published.unwrap_or(Err(KeeperError::TooSlow(DEADLINE))) {
            Ok(Held { authority, bundle }) => {
                let authority = self.authority.insert(authority);
                self.expires.send_replace(Some(authority.validity().not_after));
                serve(&self.serving, authority, Some(&bundle), &self.settings, now).await?;
                self.ready.send_replace(true);
                Ok(())
            }
            Err(error) => {
                // The API server is no reason to let a certificate expire that it trusts already.
                if let (Some(authority), Some(_)) = (&self.authority, self.serving.leaf()) {
                    serve(&self.serving, authority, None, &self.settings, now).await?;
                }
                Err(error)
            }
        }
    }

    /// Gets the authority, and has the API server trust it.
    async fn publish(&self, now: Timestamp) -> Result<Held, KeeperError> {
        let Settings { namespace, registration, owner, .. } = &self.settings;
        let served = self.serving.leaf().map(|leaf| leaf.issuer);
        let held = secret::ensure(&self.client, namespace, served.as_deref(), now).await?;
        let conditions = server::knows_match_conditions(&self.client).await.map_err(KeeperError::Version)?;
        let owner = match owner {
            Some(role) => owner::find(&self.client, role)
                .await
                .map_err(|error| KeeperError::Owner(role.clone(), error))?,
            None => None,
        };
        let registration = Arc::clone(registration);
        let build: Build =
            Arc::new(move |bundle, conditions| owned(registration(bundle, conditions), owner.as_ref()));
        injection::publish(&self.client, &build, &held.bundle.pem(), conditions).await?;
        Ok(held)
    }
}

/// Serves a certificate of this authority, unless the one that is served will do.
///
/// Where that one is trusted still, `bundle` was published a moment ago, and the new one waits for the API servers to
/// hear of it.
async fn serve(
    serving: &Serving,
    authority: &Authority,
    bundle: Option<&Bundle>,
    settings: &Settings,
    now: Timestamp,
) -> Result<(), KeeperError> {
    let served = serving.leaf();
    let Verdict::Renew(reason) = Leaf::judge(served.as_ref(), authority, &settings.names, now) else {
        return Ok(());
    };
    let leaf = authority.issue(&settings.names, now)?;
    let does_for_now =
        |old: &Leaf| old.validity.includes(now) && bundle.is_some_and(|bundle| bundle.trusts(&old.issuer));
    if reason == Reason::OtherAuthority && served.as_ref().is_some_and(does_for_now) {
        sleep(settings.settle).await;
    }
    tracing::info!(why = %reason, expires = %leaf.validity.not_after, "serving a new certificate");
    serving.swap(leaf);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use tokio::time::Instant;

    fn settings() -> Settings {
        let build: Build = Arc::new(|_, _| injection::Webhooks::default());
        Settings::new("tagger-system", vec!["tagger.tagger-system.svc".into()], build)
    }

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    struct Scene {
        serving: Serving,
        authority: Authority,
    }

    impl Scene {
        async fn new() -> Self {
            let scene = Self { serving: Serving::default(), authority: Authority::generate(now()).unwrap() };
            scene.serve(&scene.authority, Some(&scene.bundle(&scene.authority)), now()).await;
            scene
        }

        fn bundle(&self, present: &Authority) -> Bundle {
            Bundle::new(present.certificate(), [self.authority.certificate()], now())
        }

        async fn serve(&self, authority: &Authority, bundle: Option<&Bundle>, now: Timestamp) -> Duration {
            let start = Instant::now();
            serve(&self.serving, authority, bundle, &settings(), now).await.unwrap();
            start.elapsed()
        }

        fn served(&self) -> Leaf {
            self.serving.leaf().unwrap()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_certificate_that_is_good_stays() {
        let scene = Scene::new().await;
        let before = scene.served();
        scene.serve(&scene.authority, None, now() + SignedDuration::from_hours(24 * 50)).await;
        assert!(Arc::ptr_eq(&before.certified, &scene.served().certified));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_certificate_is_served_at_once_also_while_the_api_server_is_away() {
        let scene = Scene::new().await;
        let before = scene.served();
        let waited = scene.serve(&scene.authority, None, now() + SignedDuration::from_hours(24 * 70)).await;
        assert!(!Arc::ptr_eq(&before.certified, &scene.served().certified));
        assert_eq!(waited, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_authority_is_given_time_while_the_old_one_is_trusted() {
        let scene = Scene::new().await;
        let new = Authority::generate(now()).unwrap();
        let waited = scene.serve(&new, Some(&scene.bundle(&new)), now()).await;
        assert_eq!(waited, settings().settle);
        assert_eq!(scene.served().issuer, new.certificate());
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_authority_is_served_at_once_where_the_old_one_is_trusted_no_more() {
        let scene = Scene::new().await;
        let new = Authority::generate(now()).unwrap();
        let bundle = Bundle::new(new.certificate(), [], now());
        assert_eq!(scene.serve(&new, Some(&bundle), now()).await, Duration::ZERO);
        assert_eq!(scene.served().issuer, new.certificate());
    }
}
