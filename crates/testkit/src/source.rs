//! A registry that gives images from memory: a source that costs next to nothing.
//!
//! It takes nothing in. Measure with it how fast others fetch.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::manifest::Manifest;
use crate::port::Port;
use crate::server;

/// A running source, on plain HTTP. It ends when it is dropped.
pub struct Source {
    server: JoinHandle<()>,
    port: Port,
}

/// What is given: by path, the media type, digest and bytes.
type Shelf = HashMap<String, (String, String, Bytes)>;

impl Source {
    /// Starts a source of these manifests, each in its repository and under its tag.
    pub async fn start(manifests: &[(Manifest, String, String)]) -> Result<Self> {
        let mut shelf = Shelf::new();
        for (manifest, repository, tag) in manifests {
            put(&mut shelf, manifest, repository, tag);
        }
        let port = Port::take()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number()))
            .await
            .context("listen for who wants an image")?;
        let shelf = Arc::new(shelf);
        let server = tokio::spawn(server::serve(listener, move |request| {
            let shelf = Arc::clone(&shelf);
            async move { answer(&shelf, &request) }
        }));
        Ok(Self { server, port })
    }

    /// The source's host and port, as image references begin.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn put(shelf: &mut Shelf, manifest: &Manifest, repository: &str, tag: &str) {
    for child in &manifest.children {
        put(shelf, child, repository, "");
    }
    for blob in &manifest.blobs {
        let given = ("application/octet-stream".to_owned(), blob.digest.clone(), blob.bytes.clone());
        shelf.insert(format!("/v2/{repository}/blobs/{}", blob.digest), given);
    }
    let digest = manifest.digest();
    for reference in [tag, &digest].into_iter().filter(|reference| !reference.is_empty()) {
        let given = (manifest.media_type.clone(), digest.clone(), manifest.bytes.clone());
        shelf.insert(format!("/v2/{repository}/manifests/{reference}"), given);
    }
}

fn answer(shelf: &Shelf, request: &Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let answer = Response::builder();
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(answer.status(StatusCode::METHOD_NOT_ALLOWED).body(Full::default())?);
    }
    if request.uri().path() == "/v2/" {
        return Ok(answer.body(Full::default())?);
    }
    let Some((media_type, digest, bytes)) = shelf.get(request.uri().path()) else {
        return Ok(answer.status(StatusCode::NOT_FOUND).body(Full::default())?);
    };
    let answer = answer
        .header(header::CONTENT_TYPE, media_type)
        .header("Docker-Content-Digest", digest)
        .header(header::ACCEPT_RANGES, "bytes");
    match start(request.headers()).filter(|start| *start < bytes.len()) {
        None => Ok(answer.body(Full::new(bytes.clone()))?),
        Some(start) => {
            let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
            let answer = answer.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, range);
            Ok(answer.body(Full::new(bytes.slice(start..)))?)
        }
    }
}

/// Where a range with an open end begins; others are answered with the whole, as they may be.
fn start(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}
