//! The receiver as an axum Router: `POST /PROVIDER`, or `POST /PROVIDER/SECRET` where the path is what is known to the sender alone.

mod answer;

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::any;
use futures::FutureExt;
use http::{Method, Request};
use tagger_core::reference::Registry;
use tokio::sync::watch;
use url::{Url, form_urlencoded};

use crate::google::{self, Denied, Google};
use crate::guard::{self, Admission};
use crate::intake::Intake;
use crate::message::Message;
use crate::metrics::Metrics;
use crate::naming;
use crate::problem::Problem;
use crate::provider::Provider;
use crate::providers::{Heard, hear};
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
    /// How much memory all bodies together may take up, in bytes.
    pub memory: usize,
    /// Where Google's keys are; none for where Google has them.
    pub google_keys: Option<Url>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            open: HashSet::new(),
            capacity: 10_000,
            body_time: Duration::from_secs(10),
            memory: 32 * 1024 * 1024,
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
            intake: Intake::new(settings.body_time, settings.memory),
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
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    serving.answer(&name, None, request).await
}

async fn by_secret(
    State(serving): State<Serving>,
    Path((name, secret)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    serving.answer(&name, Some(&secret), request).await
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
            Some(provider) => contained(provider, self.receiver.0.receive(provider, secret, request)).await,
        };
        self.receiver.0.metrics.answered(provider, answer.status());
        answer.into()
    }
}

impl Inner {
    async fn receive(&self, provider: Provider, secret: Option<&str>, request: Request<Body>) -> Answer {
        let secrets = self.secrets.borrow().clone();
        let door = secrets.door(provider, self.open.contains(&provider));
        let (parts, body) = request.into_parts();
        let signed = match guard::look(provider, door, secret, &parts.headers) {
            Admission::NotYet => return Answer::NotYet,
            Admission::Nowhere => return Answer::Nowhere,
            Admission::Refused => return Answer::Refused,
            Admission::Granted => None,
            Admission::IfSigned(signed) => Some(signed),
            Admission::IfIdentified { token, identities } => {
                match self.google.judge(token, identities).await {
                    Ok(()) => None,
                    Err(Denied::Keys(error)) => return Answer::Unable(error),
                    Err(denied) => {
                        tracing::debug!(%provider, %denied, "a notification is refused");
                        return Answer::Refused;
                    }
                }
            }
        };
        if parts.method == Method::OPTIONS && provider == Provider::EventGrid {
            return answer::consent(&parts.headers);
        }
        if parts.method != Method::POST {
            return Answer::NotPosted;
        }
        let headers = parts.headers.clone();
        let body = match self.intake.take(Request::from_parts(parts.clone(), body)).await {
            Ok(body) => body,
            Err(error) => return Answer::NotTaken(error),
        };
        if signed.is_some_and(|signed| !signed.is_of(&body.bytes)) {
            return Answer::Refused;
        }
        let heard = registry(parts.uri.query()).and_then(|registry| {
            hear(provider, &Message { headers: &headers, body: &body.bytes, registry: registry.as_ref() })
        });
        self.act(provider, heard)
    }

    fn act(&self, provider: Provider, heard: Result<Heard, Problem>) -> Answer {
        let references = match heard {
            Ok(Heard::Pushed(references)) => references,
            Ok(Heard::Handshake(code)) => return Answer::Handshake(code),
            Err(problem) => {
                tracing::info!(%provider, %problem, "a notification can't be used");
                return Answer::Wrong(problem);
            }
        };
        let count = references.len();
        if count == 0 {
            return Answer::Nothing;
        }
        match self.queue.offer(references) {
            Ok(taken) => {
                tracing::debug!(%provider, taken.queued, taken.merged, "told of pushed tags");
                self.metrics.taken(provider, taken);
                Answer::Taken(count)
            }
            Err(full) => {
                tracing::warn!(%provider, count, "a notification is sent away: {full}");
                self.metrics.refused(provider, count);
                Answer::Full(full)
            }
        }
    }
}

/// A panic costs the request that it happened in, and no other.
async fn contained(provider: Provider, answering: impl Future<Output = Answer>) -> Answer {
    // What a request shares with others, the queue and the counters, is changed in steps that are whole.
    AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(%provider, "reading a notification panicked; please report this");
        Answer::Broken
    })
}

/// The registry that the URL gives.
fn registry(query: Option<&str>) -> Result<Option<Registry>, Problem> {
    let query = query.unwrap_or_default().as_bytes();
    let given = form_urlencoded::parse(query).find(|(name, _)| name == "registry");
    given.map(|(_, host)| naming::registry(&host, "?registry")).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_like_others() {
        let answer = contained(Provider::Quay, async { panic!("on purpose") }).await;
        assert_eq!(answer, Answer::Broken);
        assert_eq!(contained(Provider::Quay, async { Answer::Nothing }).await, Answer::Nothing);
    }

    #[test]
    fn the_registry_is_the_one_that_the_url_gives() {
        assert_eq!(registry(None), Ok(None));
        assert_eq!(registry(Some("x=1&registry=a.io%3A5000")), Ok(Some("a.io:5000".parse().unwrap())));
        let problem = registry(Some("registry=https://a.io")).unwrap_err().to_string();
        assert!(problem.starts_with("`?registry` must be a registry"), "{problem}");
    }
}
