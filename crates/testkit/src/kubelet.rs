//! What a kubelet does for port-forwards, and nothing else of one: no Pod runs here.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use futures::{SinkExt, StreamExt};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::authority::Authority;

/// How streams are told apart: an even channel for the bytes of a port, and the one after it for what goes wrong.
const PROTOCOL: &str = "v4.channel.k8s.io";
/// The channel of the first port.
const BYTES: u8 = 0;
/// The channel of what goes wrong with it.
const ERRORS: u8 = 1;

/// A node's kubelet as far as the API server sees it. Each Pod's ports are those of this machine, as with `hostNetwork`.
pub struct Kubelet {
    port: u16,
    forwarded: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Kubelet {
    /// Starts one on loopback.
    pub async fn start() -> Result<Self> {
        let acceptor = acceptor()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let forwarded = Arc::<Mutex<Vec<String>>>::default();
        let asked = forwarded.clone();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                let Ok((stream, _)) = listener.accept().await else { continue };
                let (acceptor, asked) = (acceptor.clone(), asked.clone());
                connections.spawn(async move {
                    // A connection that breaks is the other end's to tell.
                    let _ = async { forward(acceptor.accept(stream).await?, &asked).await }.await;
                });
            }
        });
        Ok(Self { port, forwarded, serving })
    }

    /// The node that it is of.
    pub fn node(&self, name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": name },
            "status": {
                "addresses": [{ "type": "InternalIP", "address": "127.0.0.1" }],
                "daemonEndpoints": { "kubeletEndpoint": { "Port": self.port } },
            },
        })
    }

    /// The paths that port-forwards were asked for by, in their order: `/portForward/NAMESPACE/POD?port=5000`.
    pub fn forwarded(&self) -> Vec<String> {
        self.forwarded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn acceptor() -> Result<TlsAcceptor> {
    let leaf = Authority::new("kubelets of tests")?.issue_server(&[])?;
    let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;

async fn forward(stream: TlsStream<TcpStream>, asked: &Mutex<Vec<String>>) -> Result<()> {
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "it is the library's own type")]
    let answer = |request: &Request, mut response: Response| {
        path = request.uri().to_string();
        response.headers_mut().insert("sec-websocket-protocol", http::HeaderValue::from_static(PROTOCOL));
        Ok(response)
    };
    let socket = accept_hdr_async(stream, answer).await?;
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
    let Some(("", rest)) = path.split_once("/portForward/") else { bail!("{path} is no port-forward") };
    let port: u16 = rest.split_once("port=").context("no port")?.1.parse()?;
    pass(socket, port).await
}

/// Passes bytes between a socket and a port until either ends.
async fn pass(socket: Socket, port: u16) -> Result<()> {
    let (mut sink, mut source) = socket.split();
    let framed = |channel: u8, bytes: &[u8]| Message::binary([&[channel], bytes].concat());
    // Each channel begins with the port that it is for.
    sink.send(framed(BYTES, &port.to_le_bytes())).await?;
    sink.send(framed(ERRORS, &port.to_le_bytes())).await?;
    let pod = match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(pod) => pod,
        Err(error) => {
            sink.send(framed(ERRORS, error.to_string().as_bytes())).await?;
            return Ok(sink.close().await?);
        }
    };
    let (mut from_pod, mut to_pod) = pod.into_split();
    let inwards = async {
        while let Some(message) = source.next().await {
            match message? {
                Message::Binary(bytes) => match bytes.split_first() {
                    Some((&BYTES, bytes)) => to_pod.write_all(bytes).await?,
                    _ => bail!("bytes for no port"),
                },
                Message::Close(_) => break,
                _ => {}
            }
        }
        Ok(())
    };
    let outwards = async {
        let mut buffer = vec![0; 32 * 1024];
        loop {
            match from_pod.read(&mut buffer).await? {
                0 => return Ok(sink.close().await?),
                length => sink.send(framed(BYTES, &buffer[..length])).await?,
            }
        }
    };
    tokio::select! {
        ended = inwards => ended,
        ended = outwards => ended,
    }
}
