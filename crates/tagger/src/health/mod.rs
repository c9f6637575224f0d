//! Health and readiness, over plain HTTP: `/healthz` while the process is worth keeping, `/readyz` while each part does its work.
//! And what is counted, at `/metrics`.
//!
//! They are served by a thread of their own. So they are answered, and truly, when all threads of the runtime are taken; and whoever
//! asks for the metrics of very many Tags makes no admission wait.

mod check;
mod pulse;

use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

pub(crate) use check::Check;
pub(crate) use pulse::Pulse;

/// The form of `/metrics`.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is told of the process.
pub(crate) struct Told {
    /// What must be so for the process to be ready.
    pub(crate) checks: Vec<Check>,
    /// Whether the runtime still gets to its tasks.
    pub(crate) pulse: Pulse,
    /// What is counted.
    pub(crate) metrics: Registry,
}

/// The thread that tells. It ends when it is told to, by [`Self::end`] or by being dropped.
pub(crate) struct Teller {
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

/// Tells health, readiness and metrics on this socket.
pub(crate) fn start(socket: std::net::TcpListener, told: Told) -> Result<Teller> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the runtime for health can't be started")?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(socket)?
    };
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let serving = async move {
        let served = axum::serve(listener, router(Arc::new(told))).with_graceful_shutdown(stopped).await;
        if let Err(error) = served {
            tracing::error!(%error, "health is served no more");
        }
    };
    let thread = thread::Builder::new().name("health".to_owned()).spawn(move || runtime.block_on(serving));
    let thread = Some(thread.context("the thread for health can't be started")?);
    Ok(Teller { stop, thread })
}

impl Teller {
    /// Tells no more.
    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // It panicked if it did; the process ends anyway.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn router(told: Arc<Told>) -> Router {
    let alive = async |State(told): State<Arc<Told>>, RawQuery(query): RawQuery| {
        let parts = told.checks.iter().map(|check| (check.name, check.is_there()));
        report(parts.chain([("runtime", told.pulse.beats())]), is_verbose(query.as_deref()))
    };
    let ready = async |State(told): State<Arc<Told>>, RawQuery(query): RawQuery| {
        report(told.checks.iter().map(|check| (check.name, check.is_well())), is_verbose(query.as_deref()))
    };
    let metrics = async |State(told): State<Arc<Told>>| metrics(&told.metrics);
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(told)
}

fn is_verbose(query: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').any(|pair| pair.split('=').next() == Some("verbose"))
}

/// 200 and `ok` while all is well; each check in a line of its own where one is not, or where that is asked for.
fn report<'a>(
    checks: impl Iterator<Item = (&'a str, Result<String, String>)>,
    is_verbose: bool,
) -> (StatusCode, String) {
    let (mut status, mut lines) = (StatusCode::OK, String::new());
    for (name, outcome) in checks {
        let (mark, text) = match outcome {
            Ok(text) => ('+', text),
            Err(why) => {
                status = StatusCode::SERVICE_UNAVAILABLE;
                ('-', why)
            }
        };
        let colon = if text.is_empty() { "" } else { ": " };
        lines.push_str(&format!("[{mark}] {name}{colon}{text}\n"));
    }
    match (status, is_verbose) {
        (StatusCode::OK, false) => (status, "ok\n".to_owned()),
        _ => (status, lines),
    }
}

fn metrics(registry: &Registry) -> Response {
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests;
