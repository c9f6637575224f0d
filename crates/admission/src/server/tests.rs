use super::*;
use crate::router::{MUTATE, Settings, router};
use crate::testing::{Asked, NEW, index};
use rcgen::{CertificateParams, KeyPair};
use reqwest::Certificate;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use std::net::SocketAddr;
use std::time::Instant;
use tagger_api::index::TagIndex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const SHORT: Limits = Limits {
    connections: 1024,
    first_request: Duration::from_millis(700),
    idle: Duration::from_secs(60),
    linger: Duration::from_millis(300),
    drain: Duration::from_secs(5),
};

struct Served {
    address: SocketAddr,
    certificate: rcgen::Certificate,
    index: Arc<TagIndex>,
    end: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Served {
    fn start(limits: Limits) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let index = Arc::new(index(&[("myapp", None), ("ready", Some(NEW))]));
        let router = router(Settings::new("tagger-system"), Arc::clone(&index));
        let (end, ended) = oneshot::channel();
        let ending = async { drop(ended.await) };
        let task = tokio::spawn(serve(listener, Arc::new(tls), router, limits, ending));
        Self { address, certificate, index, end: Some(end), task }
    }

    fn client(&self, http2: bool) -> reqwest::Client {
        let trusted = Certificate::from_der(self.certificate.der()).unwrap();
        let builder = reqwest::Client::builder().tls_certs_only([trusted]).no_proxy();
        let builder = builder.resolve("localhost", self.address).timeout(Duration::from_secs(10));
        if http2 { builder } else { builder.http1_only() }.build().unwrap()
    }

    async fn ask(&self, client: &reqwest::Client, image: &str) -> reqwest::Response {
        let url = format!("https://localhost:{}{MUTATE}", self.address.port());
        let body = Asked::create("Deployment", image).review("admission.k8s.io/v1");
        client.post(url).body(body).send().await.unwrap()
    }

    /// A connection after its handshake, as HTTP/1.1.
    async fn connect(&self) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    fn end(&mut self) {
        self.end.take().unwrap().send(()).unwrap();
    }
}

#[tokio::test]
async fn it_serves_both_versions_of_http() {
    let served = Served::start(Limits::default());
    for (http2, version) in [(false, Version::HTTP_11), (true, Version::HTTP_2)] {
        let response = served.ask(&served.client(http2), "ready").await;
        assert_eq!(response.version(), version);
        assert!(response.text().await.unwrap().contains("JSONPatch"));
    }
}

#[tokio::test]
async fn five_hundred_idle_connections_are_in_nobody_s_way_and_go() {
    let served = Served::start(SHORT);
    let mut idle = Vec::new();
    for _ in 0..480 {
        idle.push(TcpStream::connect(served.address).await.unwrap());
    }
    let mut after_handshake = Vec::new();
    for _ in 0..20 {
        after_handshake.push(served.connect().await);
    }
    let start = Instant::now();
    assert!(served.ask(&served.client(true), "ready").await.status().is_success());
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    for mut connection in idle {
        assert!(matches!(connection.read(&mut [0]).await, Ok(0) | Err(_)), "it is closed");
    }
    for mut connection in after_handshake {
        assert!(matches!(connection.read(&mut [0]).await, Ok(0) | Err(_)), "it is closed");
    }
}

#[tokio::test]
async fn more_connections_than_there_are_places_for_wait_their_turn() {
    let served = Served::start(Limits { connections: 2, ..SHORT });
    let _held = [served.connect().await, served.connect().await];
    let answer = served.ask(&served.client(false), "ready").await;
    assert_eq!(answer.status(), 200, "once the idle ones are gone");
}

#[tokio::test]
async fn a_sender_of_slow_headers_is_cut_off() {
    let served = Served::start(SHORT);
    let mut connection = served.connect().await;
    let start = Instant::now();
    let mut answer = [0; 1];
    let is_cut = loop {
        if connection.write_all(b"x").await.is_err() {
            break true;
        }
        let _ = connection.flush().await;
        match timeout(Duration::from_millis(50), connection.read(&mut answer)).await {
            Ok(read) => break matches!(read, Ok(0) | Err(_)),
            Err(_) if start.elapsed() > Duration::from_secs(5) => break false,
            Err(_) => {}
        }
    };
    assert!(is_cut);
}

#[tokio::test]
async fn a_connection_that_was_used_may_be_idle_for_longer() {
    let served = Served::start(SHORT);
    let mut connection = served.connect().await;
    let request = b"POST /mutate HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";
    for _ in 0..2 {
        connection.write_all(request).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = connection.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 400"));
        sleep(SHORT.first_request * 2).await;
    }
}

#[tokio::test]
async fn the_end_answers_what_was_asked_and_sends_clients_elsewhere() {
    for http2 in [false, true] {
        let mut served = Served::start(SHORT);
        let client = served.client(http2);
        served.ask(&client, "ready").await;
        let index = Arc::clone(&served.index);
        served.end();
        let late = async {
            sleep(Duration::from_millis(100)).await;
            let response = served.ask(&client, "ready").await;
            assert!(response.status().is_success(), "it serves on at first");
            assert_eq!(response.headers().contains_key(CONNECTION), !http2);
            sleep(SHORT.linger * 2).await;
            assert!(TcpStream::connect(served.address).await.is_err(), "then nobody gets in");
            index.set("dev", "myapp", Some(NEW));
        };
        let (waiting, ()) = tokio::join!(served.ask(&client, "myapp"), late);
        assert!(waiting.text().await.unwrap().contains("JSONPatch"), "what was asked is answered");
        timeout(Duration::from_secs(2), served.task).await.expect("it ends").unwrap().unwrap();
    }
}
