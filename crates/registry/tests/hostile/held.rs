//! A registry whose answers wait until a test lets them go. They say what was so when the request came.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use tagger_core::reference::Reference;
use tagger_registry::{Keychain, Limits, Settings};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

use super::server::*;

#[derive(Clone)]
pub struct Held {
    pub address: std::net::SocketAddr,
    world: Arc<World>,
}

struct World {
    content: Mutex<String>,
    seen: Mutex<Vec<String>>,
    arrived: Notify,
    /// As many answers as may go.
    gate: Semaphore,
}

impl Held {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (content, seen) = (Mutex::new(INDEX.to_owned()), Mutex::default());
        let world = Arc::new(World { content, seen, arrived: Notify::new(), gate: Semaphore::new(0) });
        let answering = world.clone();
        let handle = move |request: Request| {
            let (world, method) = (answering.clone(), request.method().to_string());
            async move { world.answer(method).await }
        };
        let router = Router::new().fallback(handle);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, world }
    }

    /// Has the tag point at something else from now on.
    pub fn push(&self, content: &str) {
        content.clone_into(&mut self.world.content.lock().unwrap());
    }

    /// Lets answers go, of those that wait or of those that come.
    pub fn release(&self, answers: usize) {
        self.world.gate.add_permits(answers);
    }

    /// Waits until so many requests have come in.
    pub async fn arrived(&self, count: usize) {
        loop {
            let arrived = self.world.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if self.world.seen.lock().unwrap().len() >= count {
                return;
            }
            arrived.await;
        }
    }

    /// How many requests of a method came.
    pub fn count(&self, method: &str) -> usize {
        self.world.seen.lock().unwrap().iter().filter(|seen| *seen == method).count()
    }

    pub fn image(&self) -> Reference {
        format!("{}/a:latest", self.address).parse().unwrap()
    }

    pub fn client(&self, keychain: impl Keychain + 'static) -> tagger_registry::Client {
        let insecure = vec![self.address.to_string().parse().unwrap()];
        let settings = Settings { insecure, limits: Limits::default(), ..Settings::default() };
        tagger_registry::Client::new(settings, keychain).unwrap()
    }
}

impl World {
    async fn answer(&self, method: String) -> Response {
        let answer = manifest(&self.content.lock().unwrap());
        self.seen.lock().unwrap().push(method);
        self.arrived.notify_waiters();
        self.gate.acquire().await.unwrap().forget();
        answer
    }
}
