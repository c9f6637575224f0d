//! What is to go wrong with a request on its way to the registry.

use anyhow::Result;
use futures::{StreamExt, stream};
use http::Request;
use http::header::{HeaderName, HeaderValue};
use http::uri::PathAndQuery;

use super::answer::{Body, breaking, first};
use super::fault::Fault;

/// What becomes of a request before the registry sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Onward {
    without_query: bool,
    headers: Vec<(String, Option<String>)>,
    body: Option<Break>,
}

/// How the body of a request ends too early.
#[derive(Clone, Copy, Debug)]
enum Break {
    /// The connections break, to the client and to the registry, after so many bytes.
    CutAt(usize),
    /// Nothing more is taken after so many bytes, and the connections stay.
    StalledAfter(usize),
}

impl Fault {
    /// The answer of a registry that mounts nothing: an upload that has begun in place of the mount.
    pub fn mount_refused() -> Self {
        let mut fault = Self::forward();
        fault.onward.without_query = true;
        fault
    }

    /// The registry's own answer, whole, though a part was asked for.
    pub fn range_ignored() -> Self {
        Self::forward().request_header("Range", None)
    }

    /// Lets the registry see another value of a header, or none.
    pub fn request_header(mut self, name: &str, value: Option<&str>) -> Self {
        self.onward.headers.push((name.to_owned(), value.map(str::to_owned)));
        self
    }

    /// Breaks the connections after so many bytes of the request's body; the registry has these.
    pub fn upload_cut_at(mut self, bytes: usize) -> Self {
        self.onward.body = Some(Break::CutAt(bytes));
        self
    }

    /// Takes so many bytes of the request's body, and then nothing more.
    pub fn upload_stalled_after(mut self, bytes: usize) -> Self {
        self.onward.body = Some(Break::StalledAfter(bytes));
        self
    }
}

impl Onward {
    /// Does to a request what the fault says.
    pub(super) fn spoil(&self, mut request: Request<Body>) -> Result<Request<Body>> {
        if self.without_query {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(PathAndQuery::try_from(request.uri().path())?);
            *request.uri_mut() = parts.try_into()?;
        }
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name)?;
            match value {
                Some(value) => request.headers_mut().insert(name, HeaderValue::try_from(value)?),
                None => request.headers_mut().remove(name),
            };
        }
        Ok(match self.body {
            None => request,
            Some(Break::CutAt(bytes)) => request.map(|body| first(body, bytes).chain(breaking()).boxed()),
            Some(Break::StalledAfter(bytes)) => {
                request.map(|body| first(body, bytes).chain(stream::pending()).boxed())
            }
        })
    }
}
