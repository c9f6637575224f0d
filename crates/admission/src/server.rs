//! The Router over TLS, with limits for connections that send nothing, and an end that loses no request.

mod activity;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use activity::Activity;

/// How long connections are put up with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many there may be at once. Further ones wait until one of them ends: whoever reaches the port must not take all memory.
    pub connections: usize,
    /// From the beginning of a connection until its first request is there, handshake and headers and all.
    pub first_request: Duration,
    /// Without a request, after the first. Longer than the API server keeps its own idle connections (90 s), so that it
    /// is the one to close them: closing one that is about to be used fails a request.
    pub idle: Duration,
    /// From the wish to end until connections are closed. Meanwhile everything is answered, and clients are asked to
    /// come back on another connection: by then, they find another replica behind it.
    pub linger: Duration,
    /// From then on until requests that are still not answered are given up.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // An API server has no more writes under way than some hundreds (`--max-mutating-requests-inflight`).
            connections: 2048,
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            linger: Duration::from_secs(5),
            drain: Duration::from_secs(10),
        }
    }
}

/// Why the webhook can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket can't be listened on.
    #[error("the webhook's socket can't be used: {0}; give another address to listen on")]
    Listen(#[from] std::io::Error),
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Leaving,
    Closing,
}

/// After an error of accept, such as no file descriptors left, for which waiting is the only help.
const BREATH: Duration = Duration::from_millis(100);

/// How much of a connection in HTTP/1.1 is read ahead, in bytes; headers must fit.
const BUFFER: usize = 64 * 1024;

/// How long a connection that was asked to close may take over it.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves the Router until `end` resolves, and then until all is answered, within the limits.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    limits: Limits,
    end: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (phase, phases) = watch::channel(Phase::Open);
    let (mut connections, places) = (JoinSet::new(), Arc::new(Semaphore::new(limits.connections)));
    let accepting = async {
        let acceptor = TlsAcceptor::from(tls);
        // The semaphore is never closed.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = Connection { router: router.clone(), limits, phases: phases.clone() };
                    let running = connection.run(acceptor.clone(), stream);
                    connections.spawn(async move {
                        running.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the webhook could not be accepted");
                    sleep(BREATH).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    };
    let ending = async {
        end.await;
        phase.send_replace(Phase::Leaving);
        sleep(limits.linger).await;
    };
    tokio::select! {
        () = accepting => {}
        () = ending => {}
    }
    drop(listener);
    phase.send_replace(Phase::Closing);
    let answered = timeout(limits.drain, async { while connections.join_next().await.is_some() {} }).await;
    if answered.is_err() {
        tracing::warn!(connections = connections.len(), "connections to the webhook are given up");
    }
    Ok(())
}

/// One connection, and what it needs to serve.
struct Connection {
    router: Router,
    limits: Limits,
    phases: watch::Receiver<Phase>,
}

impl Connection {
    async fn run(self, acceptor: TlsAcceptor, stream: TcpStream) {
        let activity = Activity::default();
        let _ = stream.set_nodelay(true);
        let stream = match timeout(self.limits.first_request, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake with the webhook failed"),
            Err(_) => return tracing::debug!("a TLS handshake with the webhook took too long"),
        };
        let serving = service_fn(|request: Request<Incoming>| {
            let (router, active) = (self.router.clone(), activity.begin());
            let phases = self.phases.clone();
            async move {
                let version = request.version();
                let Ok(mut response) = router.oneshot(request.map(Body::new)).await;
                if *phases.borrow() != Phase::Open {
                    ask_to_come_back(version, &mut response);
                }
                drop(active);
                Ok::<_, Infallible>(response)
            }
        });
        let builder = builder();
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), serving));
        let mut phases = self.phases.clone();
        tokio::select! {
            _ = connection.as_mut() => return,
            () = activity.overdue(self.limits.first_request, self.limits.idle) => {
                if !activity.was_used() {
                    return;
                }
            }
            _ = phases.wait_for(|phase| *phase == Phase::Closing) => {}
        }
        connection.as_mut().graceful_shutdown();
        match activity.is_active() {
            true => drop(connection.await),
            false => drop(timeout(FAREWELL, connection).await),
        }
    }
}

/// HTTP/2 has a way of its own to say so at the very end; HTTP/1.1 must be told with an answer.
fn ask_to_come_back(version: Version, response: &mut Response) {
    if version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Headers are part of what `Limits` bounds, for both versions alike.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}
