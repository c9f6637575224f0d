//! What a request asks a registry for.

use std::time::Instant;

use http::{HeaderMap, Request, header};

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `/v2/`, by which clients learn how to authenticate.
    Ping,
    /// A manifest or an index.
    Manifest,
    /// A blob that is there.
    Blob,
    /// A blob on its way in.
    Upload,
    /// A list of tags.
    Tags,
    /// A list of artifacts about a manifest.
    Referrers,
    /// The proxy's token endpoint.
    Token,
    /// Anything else.
    Other,
}

/// A request that came, and how it was answered.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// When it came.
    pub at: Instant,
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// Its query, empty where there was none.
    pub query: String,
    /// What it was about.
    pub kind: Kind,
    /// The repository it was about, empty where it was about none.
    pub repository: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// How many bytes of its body came.
    pub received: u64,
    /// How many bytes of the answer's body were sent.
    pub sent: u64,
    /// The status it was answered with; none while it waits, or where it got no answer.
    pub status: Option<u16>,
}

impl Recorded {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let path = request.uri().path().to_owned();
        let (kind, repository) = classify(&path);
        let repository = repository.to_owned();
        Self {
            at: Instant::now(),
            method: request.method().to_string(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            kind,
            repository,
            path,
            headers: request.headers().clone(),
            received: 0,
            sent: 0,
            status: None,
        }
    }

    /// A parameter of its query, as it is written there.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
    }

    /// Whether it brought credentials of any kind.
    pub fn has_authorization(&self) -> bool {
        self.headers.contains_key(header::AUTHORIZATION)
    }
}

/// Tells what a path is about, and which repository; a repository's name may hold any of the words.
pub(super) fn classify(path: &str) -> (Kind, &str) {
    if path == super::token::PATH {
        return (Kind::Token, "");
    }
    let Some(rest) = path.strip_prefix("/v2") else { return (Kind::Other, "") };
    let rest = rest.trim_start_matches('/');
    if rest.is_empty() {
        return (Kind::Ping, "");
    }
    let before = |marker: &str| rest.rsplit_once(marker).map(|(repository, _)| repository);
    // An upload's path goes on after its marker, so it must be looked for first.
    if let Some((repository, _)) = rest.split_once("/blobs/uploads") {
        return (Kind::Upload, repository);
    }
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        return (Kind::Tags, repository);
    }
    for (marker, kind) in
        [("/manifests/", Kind::Manifest), ("/blobs/", Kind::Blob), ("/referrers/", Kind::Referrers)]
    {
        if let Some(repository) =
            before(marker).filter(|repository| !rest[repository.len() + marker.len()..].contains('/'))
        {
            return (kind, repository);
        }
    }
    (Kind::Other, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_what_it_is_about() {
        for (path, kind, repository) in [
            ("/v2/", Kind::Ping, ""),
            ("/v2", Kind::Ping, ""),
            ("/v2/a/b/manifests/latest", Kind::Manifest, "a/b"),
            ("/v2/blobs/manifests/manifests/latest", Kind::Manifest, "blobs/manifests"),
            ("/v2/a/blobs/sha256:00", Kind::Blob, "a"),
            ("/v2/a/manifests/x/blobs/sha256:00", Kind::Blob, "a/manifests/x"),
            ("/v2/a/blobs/uploads/", Kind::Upload, "a"),
            ("/v2/a/blobs/uploads/uuid", Kind::Upload, "a"),
            ("/v2/a/tags/list", Kind::Tags, "a"),
            ("/v2/a/referrers/sha256:00", Kind::Referrers, "a"),
            ("/token", Kind::Token, ""),
            ("/v2/_catalog", Kind::Other, ""),
            ("/", Kind::Other, ""),
        ] {
            assert_eq!(classify(path), (kind, repository), "{path}");
        }
    }
}
