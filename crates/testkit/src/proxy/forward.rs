//! Passing a request on to the registry.

use std::io;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Request};

use super::answer::{Answer, Body};
use crate::target::Target;

/// Headers that are about one connection and not about what it carries.
const HOP_BY_HOP: [HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, HeaderName::from_static("keep-alive")];

/// Forwards a request; `is_ours` says that its credentials were for the proxy and not the registry.
pub(super) async fn forward(
    upstream: &Target,
    address: &str,
    request: Request<Body>,
    is_ours: bool,
) -> Result<Answer> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = end_to_end(&parts.headers);
    headers.remove(header::HOST);
    // The registry names itself in its answers by what it was called; the client must come back here.
    headers.insert("x-forwarded-host", HeaderValue::try_from(address)?);
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    let has_body =
        headers.contains_key(header::CONTENT_LENGTH) || parts.headers.contains_key(header::TRANSFER_ENCODING);
    if is_ours {
        headers.remove(header::AUTHORIZATION);
    }
    let mut onward = upstream.client().request(parts.method, upstream.base().join(path)?).headers(headers);
    if let Some(credentials) = upstream.credentials().filter(|_| is_ours) {
        onward = onward.basic_auth(&credentials.user, Some(&credentials.password));
    }
    if has_body {
        onward = onward.body(reqwest::Body::wrap_stream(body));
    }
    let answer = onward.send().await.context("forward a request to the registry")?;
    Ok(Answer {
        status: answer.status(),
        headers: end_to_end(answer.headers()),
        body: answer.bytes_stream().map_err(io::Error::other).map_ok(Bytes::from).boxed(),
    })
}

fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers
}
