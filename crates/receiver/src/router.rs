//! The receiver as an axum Router: `POST /PROVIDER`, or `POST /PROVIDER/SECRET` where the path is what is known to the sender alone.

mod answer;
mod reception;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::any;
use http::Request;
use tokio::sync::watch;
use tracing::Instrument;
use url::Url;

use crate::google::{self, Google};
use crate::intake::{Intake, Rooms};
use crate::metrics::Metrics;
use crate::provider::Provider;
use crate::queue::{Queue, Waiting, queue};
use crate::secrets::Secrets;
use answer::Answer;

/// How the receiver behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who is let in without having shown anything, where the Secret has nothing of theirs.
    pub open: HashSet<Provider>,
    /// How many tags may wait to be looked at.
    pub capacity: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// How much memory bodies may take up together.
    pub rooms: Rooms,
    /// Where Google's keys are; none for where Google has them.
    pub google_keys: Option<Url>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            open: HashSet::new(),
            capacity: 10_000,
            body_time: Duration::from_secs(10),
            rooms: Rooms { known: 24 * 1024 * 1024, strangers: 8 * 1024 * 1024 },
            google_keys: None,
        }
    }
}

/// Why there can be no receiver.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Google's keys could never be fetched.
    #[error("the client for Google's keys can't be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The address of Google's keys is none.
    #[error("the address of Google's keys is no URL: {0}")]
    Address(#[from] url::ParseError),
}

/// Takes notifications, by one Router or by several.
#[derive(Clone, Debug)]
pub struct Receiver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    open: HashSet<Provider>,
    secrets: watch::Receiver<Arc<Secrets>>,
    intake: Intake,
    google: Google,
    queue: Queue,
    metrics: Metrics,
}

impl Receiver {
    /// A receiver that lets in whoever knows these secrets, and the tags that it is told of. When the secrets change, the next
    /// request is held to the new ones.
    pub fn new(
        settings: Settings,
        secrets: watch::Receiver<Arc<Secrets>>,
    ) -> Result<(Self, Waiting), Unusable> {
        let (queue, waiting) = queue(settings.capacity);
        let keys = settings.google_keys.map_or_else(|| google::KEYS.parse(), Ok)?;
        let inner = Inner {
            open: settings.open,
            secrets,
            intake: Intake::new(settings.body_time, settings.rooms),
            google: Google::new(keys)?,
            queue,
            metrics: Metrics::default(),
        };
        Ok((Self(Arc::new(inner)), waiting))
    }

    /// Has all that is counted told in this registry of metrics.
    pub fn register(&self, metrics: &mut prometheus_client::registry::Registry) {
        self.0.metrics.register(&self.0.queue, metrics);
    }

    /// The paths of all providers.
    pub fn router(&self) -> Router {
        self.serving(None)
    }

    /// The paths of one provider, and nothing else: to be shown to the internet where the others are not.
    pub fn router_of(&self, provider: Provider) -> Router {
        self.serving(Some(provider))
    }

    fn serving(&self, only: Option<Provider>) -> Router {
        let serving = Serving { receiver: self.clone(), only };
        Router::new()
            .route("/{provider}", any(by_name))
            .route("/{provider}/{secret}", any(by_secret))
            .fallback(nowhere)
            .with_state(serving)
    }
}

#[derive(Clone)]
struct Serving {
    receiver: Receiver,
    only: Option<Provider>,
}

async fn by_name(
    State(serving): State<Serving>,
    path: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Response {
    let name = path.map(|Path(name)| name).unwrap_or_default();
    serving.answer(&name, None, request).await
}

async fn by_secret(
    State(serving): State<Serving>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request<Body>,
) -> Response {
    // What is no text is nobody's path and nobody's secret.
    match path {
        Ok(Path((name, secret))) => serving.answer(&name, Some(&secret), request).await,
        Err(_) => serving.answer("", None, request).await,
    }
}

async fn nowhere(State(serving): State<Serving>, request: Request<Body>) -> Response {
    serving.answer("", None, request).await
}

impl Serving {
    /// Answers a request, and counts it.
    async fn answer(&self, name: &str, secret: Option<&str>, request: Request<Body>) -> Response {
        let provider = name.parse().ok().filter(|known| self.only.is_none_or(|only| only == *known));
        let answer = match provider {
            None => Answer::Nowhere,
            Some(provider) => {
                let unit = tracing::error_span!("notification", %provider);
                let receiving = self.receiver.0.receive(provider, secret, request);
                reception::contained(provider, receiving).instrument(unit).await
            }
        };
        self.receiver.0.metrics.answered(provider, answer.status());
        answer.into()
    }
}
