//! A proxy in front of a registry, of images in memory or of an API server, that counts what passes and breaks what it is told to.
//!
//! ```no_run
//! # async fn example(registry: &tagger_testkit::registry::Registry) -> anyhow::Result<()> {
//! use tagger_testkit::proxy::{Fault, Match, Proxy};
//!
//! let proxy = Proxy::start(registry).await?;
//! proxy.fault(Match::manifest().method("GET").times(2), Fault::status(503).header("Retry-After", "1"));
//! // ... a client of http://{proxy.address()} is answered 503 twice, and then the manifest ...
//! assert_eq!(proxy.count("GET", tagger_testkit::proxy::Kind::Manifest), 3);
//! # Ok(())
//! # }
//! ```

mod answer;
mod fault;
mod forward;
mod onward;
mod pages;
mod referrers;
mod request;
mod rule;
mod serve;
mod shelf;
mod token;
mod traffic;
mod upstream;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::port::Port;
use crate::target::Target;
use referrers::Referrers;
use serve::State;
use token::Tokens;

pub use fault::Fault;
pub use request::{Kind, Recorded};
pub use rule::Match;
pub(crate) use shelf::Shelf;
pub use token::{TokenOptions, TokenRequest};
pub(crate) use upstream::Upstream;

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    state: Arc<State>,
    server: Mutex<Option<JoinHandle<()>>>,
    port: Port,
}

impl Proxy {
    /// Starts a proxy, on plain HTTP, in front of a registry.
    pub async fn start(target: &impl AsRef<Target>) -> Result<Self> {
        Self::before(Upstream::Registry(target.as_ref().clone())).await
    }

    /// Starts a proxy in front of whatever it is.
    pub(crate) async fn before(upstream: Upstream) -> Result<Self> {
        let port = Port::take()?;
        let address = format!("127.0.0.1:{}", port.number());
        let state = Arc::new(State::new(upstream, address));
        let proxy = Self { state, server: Mutex::default(), port };
        proxy.start_again().await?;
        Ok(proxy)
    }

    /// The proxy's host and port, as image references begin.
    pub fn address(&self) -> &str {
        &self.state.address
    }

    /// The proxy as a place to push to and to look at, with the registry's own credentials.
    pub fn target(&self) -> Result<Target> {
        Target::new(&format!("http://{}", self.address()), None, self.state.upstream.credentials().cloned())
    }

    /// Answers what matches with a fault. Of several that match, the one told first is taken.
    pub fn fault(&self, matching: Match, fault: Fault) {
        lock(&self.state.rules).push((matching, fault));
    }

    /// Forgets every fault that is left.
    pub fn heal(&self) {
        lock(&self.state.rules).clear();
    }

    /// Lets everything go on that is held.
    pub fn release(&self) {
        self.state.releases.send_replace(());
    }

    /// Every request so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.state.requests).clone()
    }

    /// Every request since the last call, in the order in which they came. Forgets them, and nothing else.
    pub fn take_requests(&self) -> Vec<Recorded> {
        std::mem::take(&mut *lock(&self.state.requests))
    }

    /// How many requests of this method and kind came.
    pub fn count(&self, method: &str, kind: Kind) -> usize {
        let requests = lock(&self.state.requests);
        requests.iter().filter(|request| request.method == method && request.kind == kind).count()
    }

    /// How many bytes of bodies came with requests of this method and kind.
    pub fn bytes_received(&self, method: &str, kind: Kind) -> u64 {
        let requests = lock(&self.state.requests);
        let of = requests.iter().filter(|request| request.method == method && request.kind == kind);
        of.map(|request| request.received).sum()
    }

    /// How many bytes of bodies were sent to answer requests of this method and kind.
    pub fn bytes_sent(&self, method: &str, kind: Kind) -> u64 {
        let requests = lock(&self.state.requests);
        let of = requests.iter().filter(|request| request.method == method && request.kind == kind);
        of.map(|request| request.sent).sum()
    }

    /// The most requests that were under way at once, to the end of their answers.
    pub fn most_at_once(&self) -> usize {
        self.state.traffic.most()
    }

    /// Forgets requests, faults, issued tokens and referrers, and is a plain proxy again.
    pub fn reset(&self) {
        self.heal();
        lock(&self.state.requests).clear();
        *lock(&self.state.tokens) = None;
        *lock(&self.state.referrers) = None;
        *lock(&self.state.tags_page) = None;
        self.state.traffic.reset();
    }

    /// Lets in only those who bring a token from the proxy's own token endpoint.
    pub fn require_tokens(&self, options: TokenOptions) {
        *lock(&self.state.tokens) = Some(Tokens::new(&self.state.address, options));
    }

    /// What the token endpoint was asked.
    pub fn token_requests(&self) -> Vec<TokenRequest> {
        lock(&self.state.tokens).as_ref().map(Tokens::requests).unwrap_or_default()
    }

    /// Makes every token that was issued worthless.
    pub fn expire_tokens(&self) {
        if let Some(tokens) = lock(&self.state.tokens).as_mut() {
            tokens.expire();
        }
    }

    /// Answers the referrers API, `page` entries at a time, from what is pushed through the proxy
    /// and from [`Self::add_referrer`].
    pub fn serve_referrers(&self, page: usize) {
        *lock(&self.state.referrers) = Some(Referrers::new(page));
    }

    /// Gives lists of tags by pages of at most so many, sorted, as newer registries do.
    pub fn page_tags(&self, most: usize) {
        *lock(&self.state.tags_page) = Some(most.max(1));
    }

    /// Tells the referrers API of an artifact about a subject, by the artifact's descriptor.
    pub fn add_referrer(&self, repository: &str, subject: &str, descriptor: Value) {
        if let Some(referrers) = lock(&self.state.referrers).as_mut() {
            referrers.add(repository, subject, descriptor);
        }
    }

    /// Stops listening and breaks every connection.
    pub fn stop(&self) {
        if let Some(server) = lock(&self.server).take() {
            server.abort();
        }
    }

    /// Breaks every connection, and goes on.
    pub async fn break_connections(&self) -> Result<()> {
        let server = lock(&self.server).take();
        if let Some(server) = server {
            server.abort();
            // Only when the task is gone is its port free.
            let _ = server.await;
        }
        self.start_again().await
    }

    /// Listens again, on the same port.
    pub async fn start_again(&self) -> Result<()> {
        if lock(&self.server).is_some() {
            bail!("the proxy is running already");
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port.number()))
            .await
            .with_context(|| format!("listen on {}", self.address()))?;
        let server = tokio::spawn(serve::serve(listener, Arc::clone(&self.state)));
        *lock(&self.server) = Some(server);
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Locks, whatever became of the thread that held the lock before: the data are whole between calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
