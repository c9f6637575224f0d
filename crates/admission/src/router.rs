//! The webhook as an axum Router: `POST /mutate` for workloads and `POST /validate` for Tags.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use tagger_api::index::TagIndex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::answer::Answer;
use crate::intake::Intake;
use crate::metrics::{self, Metrics, Reason};
use crate::mutate::{self, Hope};
use crate::review::{Request, Review};
use crate::standstill;
use crate::validate;
use crate::workload::{Origin, Workload};

/// Where workloads are sent to.
pub const MUTATE: &str = "/mutate";

/// Where Tags are sent to.
pub const VALIDATE: &str = "/validate";

/// How the webhook behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace that Tagger runs in. Nothing there is touched.
    pub namespace: String,
    /// How long a workload waits for the first generation of a Tag.
    pub patience: Duration,
    /// How long a Job, a bare Pod or a strict workload waits for a Tag that is not known: it may be made along with it,
    /// or never, where the name is that of an ordinary image.
    pub patience_for_unknown: Duration,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// How many requests are worked on at once. More are sent away, to be sent again.
    pub concurrency: usize,
    /// How many of them may wait for a Tag. More are answered at once, as things are.
    pub waiting: usize,
    /// Where reviews are counted.
    pub metrics: Metrics,
}

impl Settings {
    /// What suits a cluster, for an operator in this namespace.
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            patience: Duration::from_secs(2),
            patience_for_unknown: Duration::from_millis(500),
            body_time: Duration::from_secs(5),
            concurrency: 512,
            waiting: 128,
            metrics: Metrics::default(),
        }
    }
}

/// The webhook, answering from this index.
///
/// It can be served, by [`crate::server::serve`] or by anything else that takes a Router, and called in a test.
pub fn router(settings: Settings, index: Arc<TagIndex>) -> Router {
    let metrics = settings.metrics.clone();
    let webhook = Arc::new(Webhook {
        intake: Intake::new(settings.body_time),
        places: Semaphore::new(settings.concurrency),
        waiting: Semaphore::new(settings.waiting),
        index,
        settings,
    });
    let router = Router::new().route(MUTATE, post(mutate)).route(VALIDATE, post(validate));
    guarded(router.with_state(webhook), metrics)
}

/// A panic costs the request that it happened in, and no other.
fn guarded(router: Router, metrics: Metrics) -> Router {
    router.layer(CatchPanicLayer::custom(move |panic: Box<dyn Any + Send>| {
        metrics.rejected(Reason::Failed);
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
        tracing::error!(panic = text, "answering an admission request panicked; please report this");
        (StatusCode::INTERNAL_SERVER_ERROR, "answering this request failed; the operator's log says why")
            .into_response()
    }))
}

struct Webhook {
    settings: Settings,
    index: Arc<TagIndex>,
    intake: Intake,
    places: Semaphore,
    waiting: Semaphore,
}

async fn mutate(State(webhook): State<Arc<Webhook>>, request: http::Request<Body>) -> Response {
    let answerer = async |request: &Request<'_>| {
        webhook.mutated(request).await.map(|answer| standstill::without_trace(request, answer))
    };
    answered(&webhook, metrics::Webhook::Mutate, request, answerer).await
}

async fn validate(State(webhook): State<Arc<Webhook>>, request: http::Request<Body>) -> Response {
    let answerer = async |request: &Request<'_>| Some(validate::judge(request));
    answered(&webhook, metrics::Webhook::Validate, request, answerer).await
}

/// What both have in common: a place, a body, a question in it, and the answer, unless there is nothing to answer from.
async fn answered(
    webhook: &Webhook,
    which: metrics::Webhook,
    request: http::Request<Body>,
    answerer: impl AsyncFnOnce(&Request<'_>) -> Option<Answer>,
) -> Response {
    let metrics = &webhook.settings.metrics;
    let in_flight = metrics.begin(which);
    let Ok(_place) = webhook.places.try_acquire() else {
        metrics.rejected(Reason::Busy);
        return busy();
    };
    let body = match webhook.intake.take(request).await {
        Ok(body) => body,
        Err(error) => {
            metrics.rejected(Reason::Intake(error));
            return (error.status(), error.to_string()).into_response();
        }
    };
    let review = match Review::read(&body.bytes) {
        Ok(review) => review,
        Err(error) => {
            metrics.rejected(Reason::Unreadable);
            return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
        }
    };
    let unit = review.request.span(which.name());
    let Some(answer) = answerer(&review.request).instrument(unit).await else {
        metrics.rejected(Reason::TagsUnknown);
        return blind();
    };
    match review.answer(&answer) {
        Ok(body) => {
            metrics.answered(&in_flight, &review.request, &answer);
            ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
        }
        Err(error) => {
            metrics.rejected(Reason::Failed);
            let why = format!("the answer can't be written: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, why).into_response()
        }
    }
}

fn busy() -> Response {
    let again = [(RETRY_AFTER, HeaderValue::from_static("1"))];
    (StatusCode::SERVICE_UNAVAILABLE, again, "too many requests at once; send it again in a moment")
        .into_response()
}

/// Right after a start, nothing is known of the Tags: to leave a workload as it is would be a wrong answer. The API server then
/// does what the registration says of failures.
fn blind() -> Response {
    let again = [(RETRY_AFTER, HeaderValue::from_static("1"))];
    (
        StatusCode::SERVICE_UNAVAILABLE,
        again,
        "the Tags of the cluster are not known yet; send it again in a moment",
    )
        .into_response()
}

impl Webhook {
    /// The answer for a workload, or nothing while the Tags are not known.
    async fn mutated(&self, request: &Request<'_>) -> Option<Answer> {
        let Some(workload) = Workload::of(request, &self.settings.namespace) else {
            return Some(Answer::UNTOUCHED);
        };
        // A touch brings its references itself.
        let needs_tags = !matches!(workload.origin, Origin::Touched { .. });
        if needs_tags && timeout(self.settings.patience, self.index.whole()).await.is_err() {
            return None;
        }
        Some(self.judged(&workload).await)
    }

    /// The answer that there is now, unless a better one comes up in the time that it is worth.
    async fn judged(&self, workload: &Workload) -> Answer {
        let judge = || self.index.read(&workload.namespace, |tags| mutate::judge(workload, tags));
        let mut verdict = judge();
        if verdict.hope.is_none() {
            return verdict.answer;
        }
        let Ok(_waiting) = self.waiting.try_acquire() else { return verdict.answer };
        let _counted = self.settings.metrics.waits();
        let start = Instant::now();
        loop {
            // Listening begins before the look, so that nothing is missed in between.
            let change = self.index.next_change();
            verdict = judge();
            let Some(hope) = verdict.hope else { return verdict.answer };
            if timeout_at(start + self.patience(hope), change).await.is_err() {
                return verdict.answer;
            }
        }
    }

    fn patience(&self, hope: Hope) -> Duration {
        match hope {
            Hope::Generation => self.settings.patience,
            Hope::Tag => self.settings.patience_for_unknown,
        }
    }
}

#[cfg(test)]
mod tests;
