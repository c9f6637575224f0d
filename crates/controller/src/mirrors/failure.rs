//! Why an import or a copy failed, in words for a person.

use std::time::Duration;

use tagger_core::reference::Reference;
use tagger_registry::{Destination, Error, Fault, Retry};

/// At which end something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Where images come from.
    Source,
    /// Where copies go.
    Cache,
}

/// Why an import or a copy failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// One word for machines.
    pub(crate) reason: &'static str,
    /// What failed, and what to do.
    pub(crate) message: String,
    /// At which end.
    pub(crate) end: End,
    /// When to try again.
    pub(crate) retry: Retry,
}

impl Failure {
    /// An image that could not be had where it comes from.
    pub(crate) fn of_source(error: &Error) -> Self {
        Self { reason: error.reason(), message: error.to_string(), end: End::Source, retry: error.retry() }
    }

    /// An image that the cache did not take.
    pub(crate) fn of_cache(error: &Error, to: &Destination) -> Self {
        let (reason, message) = (at_cache(error.reason()), said_of_cache(error, to));
        Self { reason, message, end: End::Cache, retry: error.retry() }
    }

    /// A name without a registry that was not looked up, since the Secrets for that could not be read.
    pub(crate) fn without_secrets(name: &Reference, why: &str) -> Self {
        let message =
            format!("{name} has no registry, and was not looked up without the credentials for it: {why}");
        Self { reason: "SecretsUnread", message, end: End::Source, retry: Retry::Soon }
    }

    /// A repository of which a policy chooses nothing.
    pub(crate) fn nothing_chosen(from: &Reference, why: &str) -> Self {
        // A repository's name alone; no tag was asked for.
        let repository = from.registry().map_or_else(
            || from.repository().to_string(),
            |registry| format!("{registry}/{}", from.repository()),
        );
        let message = format!("{repository}: {why}");
        Self { reason: "NothingChosen", message, end: End::Source, retry: Retry::WhenChanged }
    }

    /// A copy that went on for too long.
    pub(crate) fn too_slow(source: &Reference, limit: Duration) -> Self {
        let hours = limit.as_secs() / 3600;
        let message = format!(
            "{source}: the copy was not done within {hours} hours; the next try goes on with what is there"
        );
        Self { reason: "Timeout", message, end: End::Source, retry: Retry::Soon }
    }

    /// A specification that the API server does not let be raised, to this number.
    pub(crate) fn not_raised(number: i64, status: u16) -> Self {
        let message = format!(
            "the image has a new digest, and the API server did not let spec.generation be raised to {number} (HTTP {status}); Tagger needs the rights of its manifests, no policy of the cluster may refuse it, and its log says more"
        );
        Self { reason: "NotRaised", message, end: End::Source, retry: Retry::Soon }
    }

    /// An upload that is not in the cache.
    pub(crate) fn not_uploaded(image: &Reference, tag: &str) -> Self {
        let message = format!(
            "the cache does not have {image}, which the annotation images.io/import asks for; put it there with kubectl tag push {tag} PATH, or ask for nothing more with kubectl annotate tag {tag} images.io/import-"
        );
        Self { reason: "UploadNotFound", message, end: End::Cache, retry: Retry::WhenChanged }
    }

    /// An error of our own.
    pub(crate) fn internal() -> Self {
        let message = "an error in Tagger itself; please report it, with the log".to_owned();
        Self { reason: "Internal", message, end: End::Source, retry: Retry::Soon }
    }

    /// Whether the image is not to be had any more where it came from, until a person changes something there.
    pub(crate) fn is_lost(&self) -> bool {
        self.end == End::Source && self.retry == Retry::WhenChanged
    }
}

/// The cache's end has words of its own: who mends it is another person.
fn at_cache(reason: &'static str) -> &'static str {
    match reason {
        "AddressRefused" => "CacheAddressRefused",
        "Blocked" => "CacheBlocked",
        "DigestInvalid" => "CacheDigestInvalid",
        "DigestMismatch" => "CacheDigestMismatch",
        "ListInvalid" => "CacheListInvalid",
        "ManifestInvalid" => "CacheManifestInvalid",
        "ManifestTooLarge" => "CacheManifestTooLarge",
        "NotFound" => "CacheNotFound",
        "PartMissing" => "CachePartMissing",
        "PartsLost" => "CachePartsLost",
        "RateLimited" => "CacheRateLimited",
        "ReadOnly" => "CacheReadOnly",
        "RealmRefused" => "CacheRealmRefused",
        "RedirectRefused" => "CacheRedirectRefused",
        "ServerError" => "CacheServerError",
        "SizeMismatch" => "CacheSizeMismatch",
        "StorageFull" => "CacheStorageFull",
        "Timeout" => "CacheTimeout",
        "TlsFailed" => "CacheTlsFailed",
        "TokenInvalid" => "CacheTokenInvalid",
        "TooMuch" => "CacheTooMuch",
        "Truncated" => "CacheTruncated",
        "Unauthorized" => "CacheUnauthorized",
        "UnexpectedAnswer" => "CacheUnexpectedAnswer",
        "Unreachable" => "CacheUnreachable",
        "UploadFailed" => "CacheUploadFailed",
        _ => "CacheFailed",
    }
}

fn said_of_cache(error: &Error, to: &Destination) -> String {
    let (registry, repository) = (&to.registry, &to.repository);
    let what = match error.fault() {
        Fault::Unauthorized { status, .. } => format!(
            "refuses access (HTTP {status}); check CACHE_REGISTRY_USERNAME and CACHE_REGISTRY_PASSWORD, or the cache's docker config, and that this user may push to {repository}"
        ),
        fault => format!("could not take {repository}: {fault}"),
    };
    format!("the cache {registry} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to() -> Destination {
        let (registry, repository) = ("cache.internal:5000".parse().unwrap(), "dev/myapp".parse().unwrap());
        Destination { registry, repository, tags: vec![] }
    }

    fn error(fault: Fault) -> Error {
        Error::At { reference: "cache.internal:5000/dev/myapp:g0".parse().unwrap(), fault }
    }

    #[test]
    fn the_end_that_failed_is_in_the_reason_and_in_the_message() {
        let fault = Fault::Unauthorized { status: 401, credentials: 1 };
        let cache = Failure::of_cache(&error(fault.clone()), &to());
        assert_eq!((cache.reason, cache.end), ("CacheUnauthorized", End::Cache));
        assert!(cache.message.contains("the cache cache.internal:5000 refuses"), "{}", cache.message);
        assert!(cache.message.contains("CACHE_REGISTRY_PASSWORD"), "{}", cache.message);
        assert!(!cache.message.contains("--docker-config"), "{}", cache.message);
        let source = Failure::of_source(&error(fault));
        assert_eq!((source.reason, source.end), ("Unauthorized", End::Source));
    }

    #[test]
    fn an_image_is_lost_when_it_is_gone_where_it_came_from_and_not_when_somebody_is_away() {
        let away = Fault::Timeout { host: "quay.io".into() };
        assert!(Failure::of_source(&error(Fault::NotFound)).is_lost());
        assert!(!Failure::of_source(&error(away)).is_lost());
        assert!(!Failure::of_cache(&error(Fault::NotFound), &to()).is_lost());
    }
}
