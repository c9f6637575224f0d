//! Health and readiness, over plain HTTP: `/healthz` while every part of the process is there, `/readyz` while each does its work.
//! And what is counted, at `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What must be so for the process to be ready, by name. Each is told by the part that sees to it: when that part has ended, by a panic
/// perhaps, nobody holds the other end any more, and the process is not well.
pub(crate) type Checks = Arc<Vec<(&'static str, watch::Receiver<bool>)>>;

/// The form of `/metrics`.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves health, readiness and metrics until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    checks: Checks,
    problem: watch::Receiver<Option<String>>,
    metrics: Arc<Registry>,
    stop: CancellationToken,
) {
    let router =
        router(checks, problem).merge(Router::new().route("/metrics", get(async move || told(&metrics))));
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "health is served no more");
    }
}

fn router(checks: Checks, problem: watch::Receiver<Option<String>>) -> Router {
    let alive = async |State(checks): State<Checks>| report(&checks, |check| check.has_changed().is_ok());
    let ready = async move |State(checks): State<Checks>| {
        let (status, mut told) = report(&checks, |check| *check.borrow());
        // It is told also where a good certificate is served on: whoever looks should know before that one ends.
        told.extend(problem.borrow().iter().map(|problem| format!("certificate: {problem}\n")));
        (status, told)
    };
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(checks)
}

fn report(checks: &Checks, is_so: impl Fn(&watch::Receiver<bool>) -> bool + Clone) -> (StatusCode, String) {
    let lines = checks.iter().map(|(name, check)| (name, is_so(check)));
    let told: String =
        lines.clone().map(|(name, ok)| format!("[{}] {name}\n", if ok { '+' } else { '-' })).collect();
    match lines.clone().all(|(_, ok)| ok) {
        true => (StatusCode::OK, told),
        false => (StatusCode::SERVICE_UNAVAILABLE, told),
    }
}

fn told(metrics: &Registry) -> Response {
    let mut text = String::new();
    match encode(&mut text, metrics) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use prometheus_client::metrics::counter::Counter;
    use tower::ServiceExt;

    #[tokio::test]
    async fn metrics_are_told_as_open_metrics() {
        let (mut metrics, counter) = (Registry::default(), Counter::<u64>::default());
        metrics.register("tagger_things", "Things", counter.clone());
        counter.inc_by(2);
        let answer = told(&metrics);
        assert_eq!(answer.headers()[CONTENT_TYPE], OPEN_METRICS);
        let body = to_bytes(answer.into_body(), 1024).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("tagger_things_total 2\n"), "{body:?}");
    }

    #[test]
    fn it_is_ready_when_every_check_is_and_says_which_is_not() {
        let (watches, certificate) = (watch::Sender::new(true), watch::Sender::new(false));
        let checks: Checks =
            Arc::new(vec![("watches", watches.subscribe()), ("certificate", certificate.subscribe())]);
        let ready = || report(&checks, |check| *check.borrow());
        assert_eq!(ready(), (StatusCode::SERVICE_UNAVAILABLE, "[+] watches\n[-] certificate\n".into()));
        certificate.send_replace(true);
        assert_eq!(ready().0, StatusCode::OK);
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_certificate_is_told_also_while_a_good_one_is_served() {
        let (certificate, problem) = (watch::Sender::new(true), watch::Sender::new(None));
        let router = router(Arc::new(vec![("certificate", certificate.subscribe())]), problem.subscribe());
        let ready = async || {
            let request = Request::get("/readyz").body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            let (status, body) = (answer.status(), to_bytes(answer.into_body(), 1024).await.unwrap());
            (status, String::from_utf8(body.into()).unwrap())
        };
        assert_eq!(ready().await, (StatusCode::OK, "[+] certificate\n".into()));
        problem.send_replace(Some("tls.crt is half of one".into()));
        assert_eq!(
            ready().await,
            (StatusCode::OK, "[+] certificate\ncertificate: tls.crt is half of one\n".into())
        );
        certificate.send_replace(false);
        assert_eq!(ready().await.0, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn it_is_not_well_when_a_part_has_ended() {
        let (watches, certificate) = (watch::Sender::new(true), watch::Sender::new(true));
        let checks: Checks =
            Arc::new(vec![("watches", watches.subscribe()), ("certificate", certificate.subscribe())]);
        let alive = || report(&checks, |check| check.has_changed().is_ok());
        assert_eq!(alive().0, StatusCode::OK);
        drop(certificate);
        assert_eq!(alive(), (StatusCode::SERVICE_UNAVAILABLE, "[+] watches\n[-] certificate\n".into()));
    }
}
