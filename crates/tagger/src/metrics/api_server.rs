//! What is counted of the requests to the API server: a layer around the client's connection.

use std::task::{Context, Poll};
use std::time::Instant;

use axum::http::{Method, Request, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tower::{Layer, Service};
use tracing::Instrument;
use tracing::field::Empty;

/// The upper ends of the histogram's buckets, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// The verbs, by what is sent.
const VERBS: [&str; 6] = ["get", "watch", "post", "put", "patch", "delete"];
/// The code of a request that the API server did not answer.
const UNANSWERED: &str = "unanswered";

/// Counts requests to the API server. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    requests: Family<Answered, Counter>,
    durations: Family<By, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    verb: &'static str,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    verb: &'static str,
}

/// A connection whose requests are counted.
#[derive(Clone)]
pub(crate) struct Counted<S> {
    inner: S,
    requests: Requests,
}

impl Default for Requests {
    fn default() -> Self {
        let histogram = || Histogram::new(BUCKETS);
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram as fn() -> Histogram),
        }
    }
}

impl Requests {
    /// Has what is counted told there.
    pub(super) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("tagger_kubernetes");
        let help = "Requests to the API server, by verb and status; unanswered where there was none";
        registry.register("requests", help, self.requests.clone());
        let help = "Time from a request to the API server to the head of its answer, by verb";
        registry.register_with_unit("request_duration", help, Unit::Seconds, self.durations.clone());
    }

    pub(super) fn specimen() -> Self {
        let requests = Self::default();
        for verb in VERBS {
            requests.answered(verb, Instant::now(), Some(200));
        }
        requests
    }

    fn answered(&self, verb: &'static str, since: Instant, status: Option<u16>) {
        let code = status.map_or_else(|| UNANSWERED.to_owned(), |status| status.to_string());
        self.requests.get_or_create(&Answered { verb, code }).inc();
        self.durations.get_or_create(&By { verb }).observe(since.elapsed().as_secs_f64());
    }
}

impl<S> Layer<S> for Requests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, requests: self.clone() }
    }
}

impl<S, B, A> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (verb, since, requests) = (verb(&request), Instant::now(), self.requests.clone());
        let unit = tracing::info_span!("API request", verb, path = request.uri().path(), code = Empty);
        let answering = self.inner.call(request);
        async move {
            let answer = answering.instrument(unit.clone()).await;
            let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            unit.record("code", status);
            requests.answered(verb, since, status);
            answer
        }
        .boxed()
    }
}

fn verb<B>(request: &Request<B>) -> &'static str {
    let watches =
        || request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"));
    match *request.method() {
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ if watches() => "watch",
        _ => "get",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("GET", "/api/v1/pods?limit=500", "get")]
    #[case("GET", "/api/v1/pods?watch=true&timeoutSeconds=290", "watch")]
    #[case("PUT", "/apis/images.io/v1/namespaces/a/tags/b/status?&fieldManager=tagger", "put")]
    fn a_verb_is_what_is_sent(#[case] method: &str, #[case] uri: &str, #[case] expected: &str) {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        assert_eq!(verb(&request), expected);
    }

    #[tokio::test]
    async fn an_answer_and_a_silence_are_counted_by_their_verb() {
        let requests = Requests::default();
        let answer = tower::service_fn(async |request: Request<bool>| match request.body() {
            true => Ok(Response::builder().status(409).body(()).unwrap()),
            false => Err("no connection"),
        });
        let mut counted = requests.layer(answer);
        for is_answered in [true, false] {
            let _ = counted.call(Request::put("/").body(is_answered).unwrap()).await;
        }
        let count =
            |code: &str| requests.requests.get_or_create(&Answered { verb: "put", code: code.into() }).get();
        assert_eq!((count("409"), count(UNANSWERED)), (1, 1));
    }
}
