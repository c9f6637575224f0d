//! Health and readiness, over plain HTTP: `/healthz` while the process lives, `/readyz` while it does its work.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What must be so for the process to be ready, by name.
pub(crate) type Checks = Arc<Vec<(&'static str, watch::Receiver<bool>)>>;

/// Serves health and readiness until told to stop.
pub(crate) async fn serve(listener: TcpListener, checks: Checks, stop: CancellationToken) {
    let served = axum::serve(listener, router(checks)).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "health is served no more");
    }
}

fn router(checks: Checks) -> Router {
    let ready = async |State(checks): State<Checks>| report(&checks);
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(checks)
}

fn report(checks: &Checks) -> (StatusCode, String) {
    let lines = checks.iter().map(|(name, check)| (name, *check.borrow()));
    let told: String =
        lines.clone().map(|(name, ok)| format!("[{}] {name}\n", if ok { '+' } else { '-' })).collect();
    match lines.clone().all(|(_, ok)| ok) {
        true => (StatusCode::OK, told),
        false => (StatusCode::SERVICE_UNAVAILABLE, told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_every_check_is_and_says_which_is_not() {
        let (watches, certificate) = (watch::Sender::new(true), watch::Sender::new(false));
        let checks: Checks =
            Arc::new(vec![("watches", watches.subscribe()), ("certificate", certificate.subscribe())]);
        assert_eq!(
            report(&checks),
            (StatusCode::SERVICE_UNAVAILABLE, "[+] watches\n[-] certificate\n".into())
        );
        certificate.send_replace(true);
        assert_eq!(report(&checks).0, StatusCode::OK);
    }
}
