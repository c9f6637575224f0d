//! One address for several operators, which behaves as a Service does.
//!
//! As with kube-proxy, a connection goes to one of the endpoints that are known to be ready, whether or not it is there any more;
//! that one has come is noticed at once, that one leaves with some delay; and connections that are open are left alone.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::operator::Operator;
use crate::port::Port;

/// How often every endpoint is asked whether it is ready.
const LOOK: Duration = Duration::from_millis(50);

/// A running balancer. It ends when it is dropped, and its connections with it.
pub struct Balancer {
    port: Port,
    endpoints: Arc<Mutex<Vec<Endpoint>>>,
    tasks: [JoinHandle<()>; 2],
}

/// Where one operator answers admission.
#[derive(Clone, Debug)]
struct Endpoint {
    address: String,
    readiness: String,
    /// Whether connections go there.
    is_in: bool,
    /// Since when it has not been ready.
    leaving: Option<Instant>,
}

impl Balancer {
    /// Starts one that learns with this delay that an endpoint leaves.
    pub async fn start(delay: Duration) -> Result<Self> {
        let port = Port::take()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number()))
            .await
            .context("listen for the operators of a Service")?;
        let endpoints = Arc::<Mutex<Vec<Endpoint>>>::default();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(1)).build()?;
        let tasks = [
            tokio::spawn(look(client, Arc::clone(&endpoints), delay)),
            tokio::spawn(serve(listener, Arc::clone(&endpoints))),
        ];
        Ok(Self { port, endpoints, tasks })
    }

    /// The address that the API server is told to ask.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port.number())
    }

    /// Makes an operator an endpoint; connections go there once it is ready.
    pub fn add(&self, operator: &Operator) {
        let (address, readiness) = (operator.admission(), operator.readiness_url());
        lock(&self.endpoints).push(Endpoint { address, readiness, is_in: false, leaving: None });
    }

    /// Forgets an operator.
    pub fn remove(&self, operator: &Operator) {
        let address = operator.admission();
        lock(&self.endpoints).retain(|endpoint| endpoint.address != address);
    }

    /// How many endpoints connections go to.
    pub fn ready(&self) -> usize {
        lock(&self.endpoints).iter().filter(|endpoint| endpoint.is_in).count()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Asks every endpoint, for ever, whether it is ready.
async fn look(client: reqwest::Client, endpoints: Arc<Mutex<Vec<Endpoint>>>, delay: Duration) {
    loop {
        let known = lock(&endpoints).clone();
        for Endpoint { address, readiness, .. } in known {
            let is_ready =
                client.get(&readiness).send().await.is_ok_and(|answer| answer.status().is_success());
            let mut endpoints = lock(&endpoints);
            let Some(endpoint) = endpoints.iter_mut().find(|endpoint| endpoint.address == address) else {
                continue;
            };
            match (is_ready, endpoint.leaving) {
                (true, _) => (endpoint.is_in, endpoint.leaving) = (true, None),
                (false, None) => endpoint.leaving = Some(Instant::now()),
                (false, Some(since)) => endpoint.is_in &= since.elapsed() < delay,
            }
        }
        sleep(LOOK).await;
    }
}

/// Takes connections in, each for the next endpoint in turn.
async fn serve(listener: TcpListener, endpoints: Arc<Mutex<Vec<Endpoint>>>) {
    let mut connections = JoinSet::new();
    for turn in 0_usize.. {
        while connections.try_join_next().is_some() {}
        let Ok((mut client, _)) = listener.accept().await else { continue };
        let ready: Vec<String> = {
            let endpoints = lock(&endpoints);
            endpoints
                .iter()
                .filter(|endpoint| endpoint.is_in)
                .map(|endpoint| endpoint.address.clone())
                .collect()
        };
        // With nobody behind it, a Service refuses; here the connection is closed at once.
        let Some(address) = ready.get(turn % ready.len().max(1)).cloned() else { continue };
        connections.spawn(async move {
            if let Ok(mut server) = TcpStream::connect(&address).await {
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                // However it ends, both ends see that.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

fn lock(endpoints: &Mutex<Vec<Endpoint>>) -> MutexGuard<'_, Vec<Endpoint>> {
    endpoints.lock().unwrap_or_else(PoisonError::into_inner)
}
