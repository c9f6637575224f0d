//! The Router over plain HTTP, with limits for connections that send nothing or too slowly, and an orderly end.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// What connections are put up with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many there may be at once. Further ones wait until one of them ends.
    pub connections: usize,
    /// How long a request's headers may take, from the beginning of the connection or the end of the request before.
    pub headers: Duration,
    /// How long a connection may be there at all. By then it has had time for many requests; whoever reads no answers must not hold it.
    pub age: Duration,
    /// From the wish to end until requests that are still not answered are given up.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            headers: Duration::from_secs(10),
            age: Duration::from_secs(300),
            drain: Duration::from_secs(5),
        }
    }
}

/// Why the receiver can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket can't be listened on.
    #[error("the receiver's socket can't be used: {0}; give another address to listen on")]
    Listen(#[from] std::io::Error),
}

/// After an error of accept, such as no file descriptors left, for which waiting is the only help.
const BREATH: Duration = Duration::from_millis(100);

/// How much of a connection's headers is kept at once, in bytes.
const BUFFER: usize = 64 * 1024;

/// Serves the Router until `end` resolves, and then until all is answered, within the limits.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    end: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let accepting = async {
        // The semaphore is never closed.
        while let Ok(place) = places.clone().acquire_owned().await {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection to the receiver could not be accepted");
                    sleep(BREATH).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.headers)
                .max_buf_size(BUFFER)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                let _place = place;
                if let Ok(Err(error)) = timeout(limits.age, connection).await {
                    tracing::debug!(%error, "a connection to the receiver broke off");
                }
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = end => {}
    }
    drop(listener);
    if timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections to the receiver are given up");
    }
    Ok(())
}
