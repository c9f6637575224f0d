//! Which requests a fault is for.

use http::header;

use super::request::{Kind, Recorded};

type Condition = Box<dyn Fn(&Recorded) -> bool + Send + Sync>;

/// A description of requests, each condition narrowing it.
pub struct Match {
    conditions: Vec<Condition>,
    skip: usize,
    times: Option<usize>,
}

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self { conditions: Vec::new(), skip: 0, times: None }
    }

    /// Requests of this kind.
    pub fn kind(kind: Kind) -> Self {
        Self::any().when(move |request| request.kind == kind)
    }

    /// Requests for `/v2/`.
    pub fn ping() -> Self {
        Self::kind(Kind::Ping)
    }

    /// Requests about manifests and indexes.
    pub fn manifest() -> Self {
        Self::kind(Kind::Manifest)
    }

    /// Requests about blobs that are there.
    pub fn blob() -> Self {
        Self::kind(Kind::Blob)
    }

    /// Requests that bring blobs.
    pub fn upload() -> Self {
        Self::kind(Kind::Upload)
    }

    /// Requests to mount a blob of another repository.
    pub fn mount() -> Self {
        Self::upload().method("POST").when(|request| request.parameter("mount").is_some())
    }

    /// Requests for lists of artifacts about a manifest.
    pub fn referrers() -> Self {
        Self::kind(Kind::Referrers)
    }

    /// Requests for lists of tags.
    pub fn tags() -> Self {
        Self::kind(Kind::Tags)
    }

    /// Requests to the proxy's token endpoint.
    pub fn token() -> Self {
        Self::kind(Kind::Token)
    }

    /// Only those of this method.
    pub fn method(self, method: &str) -> Self {
        let method = method.to_owned();
        self.when(move |request| request.method == method)
    }

    /// Only those about this repository.
    pub fn repository(self, repository: &str) -> Self {
        let repository = repository.to_owned();
        self.when(move |request| request.repository == repository)
    }

    /// Only those whose path has this in it, such as a tag or a digest.
    pub fn path(self, part: &str) -> Self {
        let part = part.to_owned();
        self.when(move |request| request.path.contains(&part))
    }

    /// Only those that announce a body of more than so many bytes.
    pub fn larger_than(self, bytes: u64) -> Self {
        self.when(move |request| {
            let length = request.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
            length.and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > bytes)
        })
    }

    /// Only those that meet any condition at all.
    pub fn when(mut self, condition: impl Fn(&Recorded) -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push(Box::new(condition));
        self
    }

    /// Not the first `count` of them.
    pub fn after(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// No more than `count` of them; without this, all.
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    /// Whether a request is one of those, which uses up one of its times.
    pub(super) fn takes(&mut self, request: &Recorded) -> bool {
        if self.times == Some(0) || !self.conditions.iter().all(|condition| condition(request)) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times = self.times.map(|times| times - 1);
        true
    }
}
