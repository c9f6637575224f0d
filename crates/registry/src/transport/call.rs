//! What is asked.

use bytes::Bytes;
use http::{HeaderValue, Method};
use url::Url;

use super::origin::Origin;

/// One request, as often as it has to be made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) accept: Option<&'static str>,
    pub(crate) payload: Payload,
    /// From which byte on the answer is wanted.
    pub(crate) from: u64,
    pub(crate) read: Read,
    /// Whether redirects are followed; else they are handed back.
    pub(crate) follow: bool,
    /// Whether it may be made again by itself. A piece of a blob may not: it might be taken twice.
    pub(crate) again: bool,
    /// Whether it may take as long as a blob that is sent may stand still: it brings one, or has one put away.
    pub(crate) slow: bool,
    /// Whether it asks for what is the same for ever, so that an answer to an earlier question is as good.
    pub(crate) lasting: bool,
    /// The registry on whose behalf somebody else is asked.
    pub(crate) registry: Option<Origin>,
}

impl Call {
    /// A call without a body, whose answer has none that matters. Its redirects are followed.
    pub(crate) fn new(method: Method, url: Url) -> Self {
        let (payload, read) = (Payload::None, Read::Whole(0));
        Self {
            method,
            url,
            accept: None,
            payload,
            from: 0,
            read,
            follow: true,
            again: true,
            slow: false,
            lasting: false,
            registry: None,
        }
    }
}

/// What is sent with a request, again with each try.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    None,
    /// `application/x-www-form-urlencoded`; holds secrets, so it is kept out of `Debug` by its type.
    Form(Form),
    /// A document of this media type.
    Document(HeaderValue, Bytes),
    /// A piece of a blob that begins at this byte of it.
    Chunk(u64, Bytes),
}

/// How the body of a success is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Into memory, if it has no more bytes than this.
    Whole(usize),
    /// By the caller, piece after piece.
    Streamed,
}

/// The body of a form, which can't be printed.
#[derive(Clone)]
pub(crate) struct Form(pub(crate) Bytes);

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Form([REDACTED])")
    }
}
