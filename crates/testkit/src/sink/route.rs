//! What a sink answers.

use std::sync::atomic::Ordering;

use anyhow::Result;
use bytes::Bytes;
use http::response::Builder;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::json;

use super::{State, lock};
use crate::manifest::digest;

type Answer = Response<Full<Bytes>>;

impl State {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Answer> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let path = request.uri().path().to_owned();
        let rest = path.strip_prefix("/v2/").unwrap_or_default();
        if let Some((repository, number)) = rest.split_once("/blobs/uploads/") {
            return self.upload(repository, number, request).await;
        }
        if let Some((repository, reference)) = rest.rsplit_once("/manifests/") {
            return self.manifest(repository, reference, request).await;
        }
        match rest {
            "" => empty(status(StatusCode::OK)),
            _ if rest.contains("/blobs/") => refusal("BLOB_UNKNOWN"),
            _ => refusal("NAME_UNKNOWN"),
        }
    }

    async fn upload(&self, repository: &str, number: &str, request: Request<Incoming>) -> Result<Answer> {
        let method = request.method().clone();
        if method == Method::POST {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            lock(&self.uploads).insert(number, 0);
            let place = format!("/v2/{repository}/blobs/uploads/{number}");
            return empty(
                status(StatusCode::ACCEPTED).header(header::LOCATION, place).header("Range", "0-0"),
            );
        }
        let number: u64 = number.parse()?;
        let Some(before) = lock(&self.uploads).get(&number).copied() else {
            return refusal("BLOB_UPLOAD_UNKNOWN");
        };
        let place = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let mut body = request.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame?.data_ref().map_or(0, |piece| piece.len() as u64);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if method == Method::PUT {
            lock(&self.uploads).remove(&number);
            let digest = query.split('&').find_map(|pair| pair.strip_prefix("digest=")).unwrap_or_default();
            let place = format!("/v2/{repository}/blobs/{digest}");
            return empty(status(StatusCode::CREATED).header(header::LOCATION, place));
        }
        let all = before + bytes;
        lock(&self.uploads).insert(number, all);
        let code = if method == Method::PATCH { StatusCode::ACCEPTED } else { StatusCode::NO_CONTENT };
        let range = format!("0-{}", all.saturating_sub(1));
        empty(status(code).header(header::LOCATION, place).header("Range", range))
    }

    async fn manifest(
        &self,
        repository: &str,
        reference: &str,
        request: Request<Incoming>,
    ) -> Result<Answer> {
        let key = |reference: &str| (repository.to_owned(), reference.to_owned());
        if request.method() == Method::PUT {
            let media_type = request.headers().get(header::CONTENT_TYPE);
            let media_type =
                media_type.map(|value| value.to_str()).transpose()?.unwrap_or_default().to_owned();
            let bytes = request.into_body().collect().await?.to_bytes();
            let digest = digest(&bytes);
            let mut manifests = lock(&self.manifests);
            manifests.insert(key(reference), (media_type.clone(), bytes.clone()));
            manifests.insert(key(&digest), (media_type, bytes));
            return empty(status(StatusCode::CREATED).header("Docker-Content-Digest", digest));
        }
        let Some((media_type, bytes)) = lock(&self.manifests).get(&key(reference)).cloned() else {
            return refusal("MANIFEST_UNKNOWN");
        };
        let answer = status(StatusCode::OK)
            .header(header::CONTENT_TYPE, media_type)
            .header("Docker-Content-Digest", digest(&bytes));
        Ok(answer.body(Full::new(bytes))?)
    }
}

fn status(status: StatusCode) -> Builder {
    Response::builder().status(status)
}

fn empty(builder: Builder) -> Result<Answer> {
    Ok(builder.body(Full::default())?)
}

fn refusal(code: &str) -> Result<Answer> {
    let body = json!({"errors": [{"code": code, "message": "a sink keeps no blobs"}]}).to_string();
    let answer = status(StatusCode::NOT_FOUND).header(header::CONTENT_TYPE, "application/json");
    Ok(answer.body(Full::new(body.into()))?)
}
