//! Answers, whole or spoilt.

use std::io;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode, Uri};
use tokio::time::sleep;

use super::fault::{BodyFault, Fault};
use super::pages;
use super::request::Recorded;

/// One piece of a body that never ends.
const PIECE: usize = 64 * 1024;

/// How long a server takes at most to write out what it has.
const FLUSH: Duration = Duration::from_millis(50);

/// Why a connection breaks.
pub(super) const TOLD_TO: &str = "the proxy breaks the connection here, as it was told to";

/// A body on its way; an error breaks the connection.
pub(super) type Body = BoxStream<'static, io::Result<Bytes>>;

/// An answer before it is sent.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl Answer {
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: stream::empty().boxed() }.with_body(Bytes::new())
    }

    pub(super) fn json(status: StatusCode, media_type: &'static str, content: &serde_json::Value) -> Self {
        let mut answer = Self::empty(status).with_body(content.to_string().into());
        answer.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        answer
    }

    pub(super) fn with_body(mut self, body: Bytes) -> Self {
        self.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        self.body = once(body);
        self
    }

    /// Does to the answer what the fault says, headers last so that they may lie.
    pub(super) fn spoilt(mut self, fault: &Fault, request: &Recorded) -> Result<Self> {
        self = match &fault.body {
            None => self,
            Some(BodyFault::Replaced(bytes)) => self.with_body(bytes.clone()),
            Some(BodyFault::Endless) => {
                self.headers.remove(CONTENT_LENGTH);
                self.body = stream::repeat_with(|| Ok(Bytes::from_static(&[b' '; PIECE]))).boxed();
                self
            }
            Some(change) => {
                self.body = change_body(self.body, change);
                self
            }
        };
        if let Some(base) = &fault.location {
            self.move_location(base)?;
        }
        if fault.has_more {
            pages::endless(&mut self, request)?;
        }
        for name in &fault.without {
            self.headers.remove(name.as_str());
        }
        for (name, value) in &fault.headers {
            let name = HeaderName::try_from(name)?;
            if name == CONTENT_LENGTH {
                // Reached only where the length promises more than there is.
                self.body = self.body.chain(breaking()).boxed();
            }
            self.headers.insert(name, HeaderValue::try_from(value)?);
        }
        Ok(self)
    }
}

impl Answer {
    /// Names another host in the place that the answer names.
    fn move_location(&mut self, base: &str) -> Result<()> {
        let Some(location) = self.headers.get(LOCATION) else { return Ok(()) };
        let place: Uri = location.to_str()?.parse()?;
        let path = place.path_and_query().map_or("/", |path| path.as_str());
        let moved = HeaderValue::try_from(format!("{base}{path}"))?;
        self.headers.insert(LOCATION, moved);
        Ok(())
    }
}

fn change_body(body: Body, change: &BodyFault) -> Body {
    match *change {
        BodyFault::TruncatedAt(bytes) => first(body, bytes).chain(breaking()).boxed(),
        BodyFault::StalledAfter(bytes) => first(body, bytes).chain(stream::pending()).boxed(),
        BodyFault::Corrupted => {
            let mut is_first = true;
            body.map(move |piece| {
                let piece = piece?;
                if !is_first || piece.is_empty() {
                    return Ok(piece);
                }
                is_first = false;
                let mut bytes = piece.to_vec();
                bytes[0] ^= 1;
                Ok(bytes.into())
            })
            .boxed()
        }
        BodyFault::Dripping(size, pause) => body
            .flat_map(move |piece| match piece {
                Ok(piece) => {
                    let pieces: Vec<_> =
                        piece.chunks(size).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
                    stream::iter(pieces).boxed()
                }
                Err(error) => stream::once(async { Err(error) }).boxed(),
            })
            .then(move |piece| async move {
                sleep(pause).await;
                piece
            })
            .boxed(),
        BodyFault::Replaced(_) | BodyFault::Endless => body,
    }
}

/// The end of a connection. The pause lets what was written before reach the client, which hyper
/// would otherwise drop with the connection.
pub(super) fn breaking() -> Body {
    stream::once(async {
        sleep(FLUSH).await;
        Err(io::Error::other(TOLD_TO))
    })
    .boxed()
}

/// The first bytes of a body.
pub(super) fn first(body: Body, bytes: usize) -> Body {
    body.scan(bytes, |left, piece| {
        let piece = match piece {
            Ok(mut piece) => {
                piece.truncate(*left);
                *left -= piece.len();
                if piece.is_empty() { None } else { Some(Ok(piece)) }
            }
            Err(error) => Some(Err(error)),
        };
        std::future::ready(piece)
    })
    .boxed()
}

pub(super) fn once(body: Bytes) -> Body {
    stream::once(async { Ok(body) }).boxed()
}
