//! Images in memory, and what a registry of them answers.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};

use anyhow::Result;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::json;

use super::answer::{Answer, Body};
use super::request::{Kind, classify};
use crate::manifest::Manifest;

/// What a registry in memory has. It takes nothing in by HTTP.
#[derive(Default)]
pub(crate) struct Shelf(RwLock<Stock>);

#[derive(Default)]
struct Stock {
    given: HashMap<String, Given>,
    tags: HashMap<String, BTreeSet<String>>,
}

/// What is given for a path.
#[derive(Clone)]
struct Given {
    media_type: String,
    digest: String,
    bytes: Bytes,
}

impl Shelf {
    /// Has a manifest, with all that it refers to, under its digest and under a tag, wherever that pointed before.
    pub(crate) fn put(&self, manifest: &Manifest, repository: &str, tag: &str) {
        let mut stock = self.0.write().unwrap_or_else(PoisonError::into_inner);
        stock.put(manifest, repository);
        stock.give(&format!("/v2/{repository}/manifests/{tag}"), Given::manifest(manifest));
        stock.tags.entry(repository.to_owned()).or_default().insert(tag.to_owned());
    }

    /// Answers a request from what there is.
    pub(super) fn answer(&self, request: &Request<Body>) -> Result<Answer> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(Answer::empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        let path = request.uri().path();
        let stock = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match classify(path) {
            (Kind::Ping, _) => Ok(Answer::empty(StatusCode::OK)),
            (Kind::Tags, repository) if stock.tags.contains_key(repository) => {
                let list = json!({"name": repository, "tags": stock.tags[repository]});
                Ok(Answer::json(StatusCode::OK, "application/json", &list))
            }
            _ => match stock.given.get(path).cloned() {
                Some(given) => given.answer(request.headers()),
                None => Ok(Answer::empty(StatusCode::NOT_FOUND)),
            },
        }
    }
}

impl Stock {
    fn put(&mut self, manifest: &Manifest, repository: &str) {
        for child in &manifest.children {
            self.put(child, repository);
        }
        for blob in &manifest.blobs {
            let media_type = "application/octet-stream".to_owned();
            let given = Given { media_type, digest: blob.digest.clone(), bytes: blob.bytes.clone() };
            self.give(&format!("/v2/{repository}/blobs/{}", blob.digest), given);
        }
        let given = Given::manifest(manifest);
        self.give(&format!("/v2/{repository}/manifests/{}", given.digest), given.clone());
    }

    fn give(&mut self, path: &str, given: Given) {
        self.given.insert(path.to_owned(), given);
    }
}

impl Given {
    fn manifest(manifest: &Manifest) -> Self {
        let (media_type, bytes) = (manifest.media_type.clone(), manifest.bytes.clone());
        Self { media_type, digest: manifest.digest(), bytes }
    }

    /// The whole, or what is left of it from where the request likes.
    fn answer(self, asked: &HeaderMap) -> Result<Answer> {
        let size = self.bytes.len();
        let mut answer = match start(asked).filter(|start| *start < size) {
            None => Answer::empty(StatusCode::OK).with_body(self.bytes),
            Some(start) => {
                let rest = self.bytes.slice(start..);
                let mut answer = Answer::empty(StatusCode::PARTIAL_CONTENT).with_body(rest);
                let range = format!("bytes {start}-{}/{size}", size - 1);
                answer.headers.insert(header::CONTENT_RANGE, HeaderValue::try_from(range)?);
                answer
            }
        };
        answer.headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(self.media_type)?);
        answer.headers.insert("docker-content-digest", HeaderValue::try_from(self.digest)?);
        answer.headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        Ok(answer)
    }
}

/// Where a range with an open end begins; others are answered with the whole, as they may be.
fn start(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}
