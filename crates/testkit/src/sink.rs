//! A registry that takes everything in and keeps manifests only: a destination that costs nothing.
//!
//! It has no blob, whatever was sent before, so that each copy to it is a first one. It verifies
//! nothing. Measure with it how fast others send.

mod route;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::port::Port;
use crate::server;
use crate::target::Target;

/// A running sink, on plain HTTP. It ends when it is dropped.
pub struct Sink {
    state: Arc<State>,
    server: JoinHandle<()>,
    port: Port,
}

/// What came so far.
#[derive(Default)]
struct State {
    bytes: AtomicU64,
    requests: AtomicU64,
    /// Media type and bytes, by repository and tag or digest.
    manifests: Mutex<HashMap<(String, String), (String, Bytes)>>,
    /// How much came, by the number of an upload that is under way.
    uploads: Mutex<HashMap<u64, u64>>,
    begun: AtomicU64,
}

impl Sink {
    /// Starts a sink.
    pub async fn start() -> Result<Self> {
        let port = Port::take()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number()))
            .await
            .context("listen for what is to be thrown away")?;
        let state = Arc::new(State::default());
        let answering = Arc::clone(&state);
        let server = tokio::spawn(server::serve(listener, move |request| {
            let state = Arc::clone(&answering);
            async move { state.answer(request).await }
        }));
        Ok(Self { state, server, port })
    }

    /// The sink's host and port, as image references begin.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// The sink as a place to push to and to look at.
    pub fn target(&self) -> Result<Target> {
        Target::new(&format!("http://{}", self.address()), None, None)
    }

    /// How many bytes of blobs came so far.
    pub fn bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::Relaxed)
    }

    /// How many requests came so far.
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }

    /// Forgets all that came.
    pub fn reset(&self) {
        lock(&self.state.manifests).clear();
        lock(&self.state.uploads).clear();
        self.state.bytes.store(0, Ordering::Relaxed);
        self.state.requests.store(0, Ordering::Relaxed);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
