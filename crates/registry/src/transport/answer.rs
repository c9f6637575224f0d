//! What comes back.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::Response;
use tokio::time::timeout;

use super::origin::Origin;
use super::problem::classify;
use super::refusal::Refusal;
use crate::fault::Fault;
use crate::keychain::CredentialId;

/// What came back, read to its end within its bound, unless it is to be streamed.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Empty for anything but a success.
    pub(crate) body: Bytes,
    /// The body of a success that the caller reads.
    pub(crate) stream: Option<Incoming>,
    /// What the body of a refusal says, in words of our own.
    pub(crate) refusal: Refusal,
    /// Who answered, which after a redirect is somebody else.
    pub(crate) origin: Origin,
    /// What was shown to get this answer.
    pub(crate) authorization: Option<HeaderValue>,
    /// In whose name it was asked.
    pub(crate) credential: Option<CredentialId>,
    /// How long who answers took for it, with what was tried before; not how long it was until they were asked.
    pub(crate) took: Duration,
}

impl Answer {
    /// The same answer for another one who asked. What is streamed can't be had twice.
    pub(super) fn copy(&self) -> Self {
        Self {
            status: self.status,
            headers: self.headers.clone(),
            body: self.body.clone(),
            stream: None,
            refusal: self.refusal,
            origin: self.origin.clone(),
            authorization: self.authorization.clone(),
            credential: self.credential,
            took: self.took,
        }
    }
}

/// A body that arrives piece by piece, each within the time that the limits give.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(super) response: Response,
    pub(super) origin: Origin,
    pub(super) patience: Duration,
}

impl Incoming {
    /// The next piece; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let piece = timeout(self.patience, self.response.chunk()).await;
        let piece = piece.map_err(|_| Fault::Timeout { host: self.origin.to_string() })?;
        piece.map_err(|error| classify(&error, &self.origin))
    }
}

/// A body into memory, if it has no more bytes than this.
pub(super) async fn whole(mut incoming: Incoming, limit: usize) -> Result<Bytes, Fault> {
    let announced = incoming.response.content_length().unwrap_or(0);
    // A body that nobody asked for is left where it is.
    if limit == 0 {
        return Ok(Bytes::new());
    }
    if announced > limit as u64 {
        return Err(Fault::ManifestTooLarge { limit });
    }
    let mut body = BytesMut::with_capacity(announced as usize);
    while let Some(piece) = incoming.next().await? {
        if body.len() + piece.len() > limit {
            return Err(Fault::ManifestTooLarge { limit });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}
