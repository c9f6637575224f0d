//! What is to go wrong with an answer.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::onward::Onward;

/// An answer other than the registry's, or the registry's answer, spoilt.
///
/// Whatever a body is made into, a `Content-Length` set with [`Self::header`] is sent as it was
/// set. One that is too large ends the connection early; one that is too small cuts the body.
#[derive(Clone, Debug)]
pub struct Fault {
    pub(super) answer: Answer,
    pub(super) headers: Vec<(String, String)>,
    pub(super) without: Vec<String>,
    pub(super) delay: Duration,
    pub(super) is_held: bool,
    pub(super) body: Option<BodyFault>,
    pub(super) onward: Onward,
    pub(super) location: Option<String>,
    pub(super) is_lost: bool,
    pub(super) has_more: bool,
}

/// Who answers.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// The registry.
    Forward,
    /// The proxy, with this status.
    Status(u16),
    /// The proxy, with a redirect to the same path and query elsewhere.
    RedirectHost(String),
    /// Nobody: the connection breaks.
    HangUp,
    /// Nobody, and the connection stays.
    Never,
}

/// What becomes of the body.
#[derive(Clone, Debug)]
pub(super) enum BodyFault {
    /// It is another.
    Replaced(Bytes),
    /// Its first byte is another.
    Corrupted,
    /// The connection breaks after so many bytes.
    TruncatedAt(usize),
    /// Nothing comes after so many bytes, and the connection stays.
    StalledAfter(usize),
    /// It comes in pieces of so many bytes, with a pause before each.
    Dripping(usize, Duration),
    /// It never ends.
    Endless,
}

impl Fault {
    fn of(answer: Answer) -> Self {
        Self {
            answer,
            headers: Vec::new(),
            without: Vec::new(),
            delay: Duration::ZERO,
            is_held: false,
            body: None,
            onward: Onward::default(),
            location: None,
            is_lost: false,
            has_more: false,
        }
    }

    /// The registry's own answer, to be spoilt by the other methods.
    pub fn forward() -> Self {
        Self::of(Answer::Forward)
    }

    /// An empty answer of this status, which the registry never hears of.
    pub fn status(status: u16) -> Self {
        Self::of(Answer::Status(status)).replaced(Bytes::new())
    }

    /// A refusal as registries write them, with this code, such as `BLOB_UNKNOWN`.
    pub fn oci_error(status: u16, code: &str) -> Self {
        let body = json!({"errors": [{"code": code, "message": "the proxy says so", "detail": null}]});
        Self::status(status).replaced(body.to_string()).header("Content-Type", "application/json")
    }

    /// The refusal of an upload that the registry has forgotten.
    pub fn upload_lost() -> Self {
        Self::oci_error(404, "BLOB_UPLOAD_UNKNOWN")
    }

    /// The refusal of a body that is too large for the registry or for what stands before it.
    pub fn too_large() -> Self {
        Self::oci_error(413, "SIZE_INVALID")
    }

    /// A redirect to this URL.
    pub fn redirect(url: &str) -> Self {
        Self::status(307).header("Location", url)
    }

    /// A redirect to the same path and query at `base`, such as `https://other.example`.
    pub fn redirect_host(base: &str) -> Self {
        Self::of(Answer::RedirectHost(base.trim_end_matches('/').to_owned())).replaced(Bytes::new())
    }

    /// A demand for credentials with this `WWW-Authenticate`.
    pub fn challenge(challenge: &str) -> Self {
        Self::status(401).header("WWW-Authenticate", challenge)
    }

    /// A connection that breaks before any answer.
    pub fn hang_up() -> Self {
        Self::of(Answer::HangUp)
    }

    /// A connection on which no answer ever comes.
    pub fn never() -> Self {
        Self::of(Answer::Never)
    }

    /// An answer of this media type that never ends.
    pub fn endless(media_type: &str) -> Self {
        let mut fault = Self::status(200).header("Content-Type", media_type);
        fault.body = Some(BodyFault::Endless);
        fault
    }

    /// Does what was asked, and breaks the connection in place of the answer.
    pub fn answer_lost(mut self) -> Self {
        self.is_lost = true;
        self
    }

    /// Sends the client on to the same path and query at `base`, where the registry names a place.
    pub fn location_host(mut self, base: &str) -> Self {
        self.location = Some(base.trim_end_matches('/').to_owned());
        self
    }

    /// Says of a list that it has one page more, for ever.
    pub fn endless_pages(mut self) -> Self {
        self.has_more = true;
        self
    }

    /// Sets a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a header out.
    pub fn without_header(mut self, name: &str) -> Self {
        self.without.push(name.to_owned());
        self
    }

    /// Gives an HTML page for a body, as load balancers do.
    pub fn html(self) -> Self {
        self.replaced("<html><body><h1>Service Unavailable</h1></body></html>")
            .header("Content-Type", "text/html")
    }

    /// Gives these bytes for a body, under the headers that the body's place had.
    pub fn replaced(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(BodyFault::Replaced(body.into()));
        self
    }

    /// Waits before answering.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits on the way until [`Proxy::release`](super::Proxy::release).
    pub fn held(mut self) -> Self {
        self.is_held = true;
        self
    }

    /// Changes a byte of the body and leaves its length.
    pub fn corrupted(mut self) -> Self {
        self.body = Some(BodyFault::Corrupted);
        self
    }

    /// Breaks the connection after so many bytes of the body.
    pub fn truncated_at(mut self, bytes: usize) -> Self {
        self.body = Some(BodyFault::TruncatedAt(bytes));
        self
    }

    /// Sends so many bytes of the body, and then nothing more.
    pub fn stalled_after(mut self, bytes: usize) -> Self {
        self.body = Some(BodyFault::StalledAfter(bytes));
        self
    }

    /// Sends the body in pieces of so many bytes, with a pause before each.
    pub fn dripping(mut self, bytes: usize, pause: Duration) -> Self {
        self.body = Some(BodyFault::Dripping(bytes.max(1), pause));
        self
    }
}
