//! Who asks the webhook as the API server does: over TLS, with HTTP/1.1, on connections that stay.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use tokio_rustls::TlsConnector;

use super::reviews::Review;

/// Where the webhook is, and how it is trusted.
pub(super) struct Webhook {
    address: String,
    tls: TlsConnector,
}

/// How fast is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// As fast as the answers come.
    Full,
    /// So many a second, however long the answers take: a late one counts from when it was due.
    Steady(u32),
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) took: Duration,
    pub(super) milliseconds: Vec<f64>,
}

impl Webhook {
    /// The webhook at this address, with a certificate of one of these authorities, as PEM.
    pub(super) fn new(address: String, bundle: &[u8]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(bundle) {
            roots.add(authority.context("the webhook's bundle is no PEM")?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { address, tls: TlsConnector::from(Arc::new(config)) })
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.address).await.context("connect to the webhook")?;
        stream.set_nodelay(true)?;
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        let stream = self.tls.connect(ServerName::try_from(host.to_owned())?, stream).await?;
        let (line, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Who sends on it sees that it broke.
        tokio::spawn(connection);
        Ok(line)
    }
}

/// Asks so many times, over so many connections.
pub(super) async fn ask(
    webhook: &Arc<Webhook>,
    reviews: &Arc<Vec<Review>>,
    connections: usize,
    count: usize,
    pace: Pace,
) -> Result<Seen> {
    let mut lines = Vec::with_capacity(connections);
    for _ in 0..connections {
        lines.push(webhook.open().await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let mut askers = JoinSet::new();
    let start = Instant::now();
    for line in lines {
        let asker = Asker { line, webhook: webhook.clone(), reviews: reviews.clone(), next: next.clone() };
        askers.spawn(asker.run(count, start, pace));
    }
    let mut seen = Seen::default();
    while let Some(asker) = askers.join_next().await {
        seen.milliseconds.extend(asker.context("one who asks broke")??);
    }
    seen.took = start.elapsed();
    Ok(seen)
}

struct Asker {
    line: SendRequest<Full<Bytes>>,
    webhook: Arc<Webhook>,
    reviews: Arc<Vec<Review>>,
    next: Arc<AtomicUsize>,
}

impl Asker {
    async fn run(mut self, count: usize, start: Instant, pace: Pace) -> Result<Vec<f64>> {
        let mut milliseconds = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(milliseconds);
            }
            let due = match pace {
                Pace::Full => Instant::now(),
                Pace::Steady(rate) => start + Duration::from_secs(1) * u32::try_from(number)? / rate,
            };
            sleep_until(due.into()).await;
            let review = self.reviews[number % self.reviews.len()].clone();
            self.ask(review).await?;
            milliseconds.push(1000.0 * due.elapsed().as_secs_f64());
        }
    }

    async fn ask(&mut self, review: Review) -> Result<()> {
        self.line.ready().await?;
        let request = Request::post("/mutate?timeout=5s")
            .header(HOST, &self.webhook.address)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(review.body))?;
        let answer = self.line.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let has = |text: &[u8]| body.windows(text.len()).any(|part| part == text);
        ensure!(
            status == StatusCode::OK && has(b"\"allowed\":true") && has(b"\"patch\":") == review.is_rewritten,
            "the webhook answered {status} with {}",
            String::from_utf8_lossy(&body)
        );
        Ok(())
    }
}
