//! A registry that does as a test says, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum_server::tls_rustls::RustlsConfig;
use sha2::{Digest as _, Sha256};
use tagger_registry::{Anonymous, Authority, Client, Keychain, Limits, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A small OCI index, whose media type it says itself.
pub const INDEX: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
pub const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// One request, as the server saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub authorization: Option<String>,
    pub body: String,
    /// How many requests came before it.
    pub nth: usize,
}

type Handler = dyn Fn(&Seen) -> Response + Send + Sync;

#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    handler: Arc<Handler>,
}

impl Server {
    pub async fn start(handler: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, seen: Arc::default(), handler: Arc::new(handler) };
        let router = server.router();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        server
    }

    /// Over TLS; also gives the certificate, in PEM.
    pub async fn start_tls(handler: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> (Self, String) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
        let config = RustlsConfig::from_pem(certificate.clone().into(), key.into()).await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, seen: Arc::default(), handler: Arc::new(handler) };
        let service = server.router().into_make_service();
        let listening = axum_server::from_tcp_rustls(listener, config).unwrap();
        tokio::spawn(async move { listening.serve(service).await.unwrap() });
        (server, certificate)
    }

    fn router(&self) -> Router {
        async fn handle(State(server): State<Server>, request: Request) -> Response {
            let (parts, body) = request.into_parts();
            let header = parts.headers.get("authorization");
            let mut seen = Seen {
                method: parts.method,
                target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
                authorization: header.map(|header| header.to_str().unwrap().to_owned()),
                body: String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap(),
                nth: 0,
            };
            {
                let mut all = server.seen.lock().unwrap();
                seen.nth = all.len();
                all.push(seen.clone());
            }
            (server.handler)(&seen)
        }
        Router::new().fallback(handle).with_state(self.clone())
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Methods and paths, such as `HEAD /v2/a/manifests/latest`.
    pub fn requests(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect()
    }

    /// The requests for tokens that came, and the others.
    pub fn tokens_and_others(&self) -> (usize, usize) {
        let (tokens, others): (Vec<_>, Vec<_>) =
            self.seen().into_iter().partition(|seen| seen.target.starts_with("/token"));
        (tokens.len(), others.len())
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `host:port/a:latest`.
    pub fn image(&self) -> tagger_core::reference::Reference {
        format!("{}/a:latest", self.address).parse().unwrap()
    }

    /// Settings under which this server is spoken to in plain HTTP, in a hurry.
    pub fn settings(&self) -> Settings {
        Settings { insecure: vec![self.host().parse().unwrap()], limits: hurried(), ..Settings::default() }
    }

    pub fn client(&self) -> Client {
        Client::new(self.settings(), Anonymous).unwrap()
    }

    pub fn client_with(&self, keychain: impl Keychain + 'static) -> Client {
        Client::new(self.settings(), keychain).unwrap()
    }
}

/// Limits that let a test be over soon, and leave a busy machine the time that it needs.
pub fn hurried() -> Limits {
    Limits {
        connect: Duration::from_secs(3),
        first_byte: Duration::from_secs(3),
        whole: Duration::from_secs(10),
        requests: 16,
        transfers: 4,
        rate: 0,
        burst: 1,
        stall: Duration::from_secs(3),
        tries: 3,
        backoff: Duration::from_millis(10),
        pause: Duration::from_millis(10),
        patience: Duration::from_secs(1),
    }
}

/// Limits for what never comes.
pub fn impatient() -> Limits {
    Limits { first_byte: Duration::from_millis(300), ..hurried() }
}

/// An authority that signed nothing: with it, a machine needs none of its own.
pub fn stranger() -> Vec<Authority> {
    let pair = rcgen::generate_simple_self_signed(["registry.invalid".to_owned()]).unwrap();
    vec![Authority { registry: None, pem: pair.cert.pem().into() }]
}

/// Trust in a server's own certificate.
pub fn trusting(server: &Server, certificate: &str) -> Settings {
    let authority = Authority { registry: Some(server.host().parse().unwrap()), pem: certificate.into() };
    Settings {
        private: vec![server.host().parse().unwrap()],
        authorities: vec![authority],
        limits: hurried(),
        ..Settings::default()
    }
}

/// A server below HTTP: writes these bytes to whoever connects, and then hangs up or holds the line.
pub async fn raw(answer: &'static [u8], hold: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = socket.read(&mut [0; 4096]).await;
                let _ = socket.write_all(answer).await;
                if hold {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
            });
        }
    });
    address
}

pub fn digest(content: &str) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A manifest, as a registry that behaves gives it.
pub fn manifest(content: &str) -> Response {
    let builder = Response::builder().header("docker-content-digest", digest(content));
    builder.header("content-type", INDEX_TYPE).body(Body::from(content.to_owned())).unwrap()
}

pub fn status(status: u16) -> Response {
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(Body::empty()).unwrap()
}

pub fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}
