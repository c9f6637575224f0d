//! The Router over plain HTTP, with limits for connections that send nothing or too slowly, and an orderly end.

use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

/// What connections are put up with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many there may be at once. Further ones wait until one of them ends.
    pub connections: usize,
    /// How long the headers of a connection's first request may take.
    pub first_request: Duration,
    /// How long the headers of a further one may take, from the end of the one before. Longer than proxies keep their own idle
    /// connections: closing one that is about to be used fails a request.
    pub idle: Duration,
    /// How long a connection may be there at all: who sends one byte a second must not hold it for ever.
    pub age: Duration,
    /// How long a connection that was asked to end, by its age or ours, may take over what is under way.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(90),
            age: Duration::from_secs(600),
            drain: Duration::from_secs(10),
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

/// How much of a connection is read ahead, in bytes; headers must fit.
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
    // Whoever holds a receiver of this is a connection.
    let (ending, _) = watch::channel(false);
    let accepting = async {
        // The semaphore is never closed.
        while let Ok(place) = places.clone().acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection =
                        Connection { router: router.clone(), limits, ending: ending.subscribe() };
                    tokio::spawn(async move {
                        connection.run(stream).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the receiver could not be accepted");
                    sleep(BREATH).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = end => {}
    }
    drop(listener);
    ending.send_replace(true);
    ending.closed().await;
    Ok(())
}

/// One connection, and what it needs to serve.
struct Connection {
    router: Router,
    limits: Limits,
    ending: watch::Receiver<bool>,
}

impl Connection {
    async fn run(mut self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let begun = Notify::new();
        let serving = service_fn(|request: Request<Incoming>| {
            begun.notify_one();
            self.router.clone().oneshot(request.map(Body::new))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.idle)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(stream), serving);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            begun = timeout(self.limits.first_request, begun.notified()) => {
                if begun.is_err() {
                    return tracing::debug!("a connection to the receiver brought no request in time");
                }
            }
            _ = self.ending.wait_for(|ends| *ends) => {}
        }
        tokio::select! {
            _ = connection.as_mut() => return,
            () = sleep(self.limits.age) => {}
            _ = self.ending.wait_for(|ends| *ends) => {}
        }
        connection.as_mut().graceful_shutdown();
        if timeout(self.limits.drain, connection).await.is_err() {
            tracing::debug!("a connection to the receiver is given up");
        }
    }
}
