//! Names of images: `[host[:port]/]path[:tag][@digest]`.
//!
//! The grammar is that of the OCI distribution specification; the normalisation is Docker's own: `docker.io/fedora`
//! means `docker.io/library/fedora`, `index.docker.io` means `docker.io`, and no tag means `latest`.

mod digest;
mod registry;
mod repository;
mod tag;

use std::fmt;
use std::str::FromStr;

pub use digest::{Digest, DigestError};
pub use registry::{Registry, RegistryError};
pub use repository::{Repository, RepositoryError};
pub use tag::{TagError, TagName};

/// Names an image, or any other artifact, in a registry.
///
/// Parsing normalises, so two references that mean the same compare equal; printing gives the normal form, and parsing
/// that gives the same reference again. A name without a registry stays unqualified until [`Reference::at`] places it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    registry: Option<Registry>,
    repository: Repository,
    target: Target,
}

/// What a reference points at within its repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Target {
    Tag(TagName),
    Digest { tag: Option<TagName>, digest: Digest },
}

/// Why a text is no image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The text is empty.
    #[error("an image reference is empty; write host/path:tag, such as quay.io/company/myapp:latest")]
    Empty,
    /// The text is longer than any reference can be.
    #[error("an image reference of {0} characters is too long; at most {max} are allowed", max = Reference::MAX_LENGTH)]
    TooLong(usize),
    /// The text begins like a URL.
    #[error("{0:?} is a URL; leave out the scheme and write host/path:tag")]
    Scheme(String),
    /// The part before the first slash is no registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The path is no repository.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The part behind the colon is no tag.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// The part behind the `@` is no digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Reference {
    /// The most characters that a reference may have: host, path, tag and a sha512 digest at their longest.
    pub const MAX_LENGTH: usize = 1024;

    /// The name of a tag in a repository of a registry.
    pub fn tagged(registry: Registry, repository: Repository, tag: TagName) -> Self {
        Self { registry: Some(registry), repository, target: Target::Tag(tag) }
    }

    /// The name of what has this digest in a repository of a registry.
    pub fn of_digest(registry: Registry, repository: Repository, digest: Digest) -> Self {
        Self { registry: Some(registry), repository, target: Target::Digest { tag: None, digest } }
    }

    /// The same repository with this tag, and no digest.
    #[must_use]
    pub fn with_tag(&self, tag: &TagName) -> Self {
        let (registry, repository) = (self.registry.clone(), self.repository.clone());
        Self { registry, repository, target: Target::Tag(tag.clone()) }
    }

    /// The registry, or none for a name that is still to be looked up in the unqualified registries.
    pub fn registry(&self) -> Option<&Registry> {
        self.registry.as_ref()
    }

    /// The repository within the registry.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag, where the reference has one; `latest` where it named neither a tag nor a digest.
    pub fn tag(&self) -> Option<&TagName> {
        match &self.target {
            Target::Tag(tag) => Some(tag),
            Target::Digest { tag, .. } => tag.as_ref(),
        }
    }

    /// The digest, where the reference has one. It is then what counts, whatever the tag.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.target {
            Target::Tag(_) => None,
            Target::Digest { digest, .. } => Some(digest),
        }
    }

    /// The same name in this registry, as Docker would place it: one word on docker.io is in `library/`.
    #[must_use]
    pub fn at(&self, registry: &Registry) -> Self {
        let repository = match registry.is_docker_hub() {
            true => self.repository.in_docker_library(),
            false => self.repository.clone(),
        };
        Self { registry: Some(registry.clone()), repository, target: self.target.clone() }
    }

    /// The same image by its digest alone, as workloads bear it: `host/path@sha256:…`.
    #[must_use]
    pub fn pinned(&self, digest: &Digest) -> Self {
        let target = Target::Digest { tag: None, digest: digest.clone() };
        Self { registry: self.registry.clone(), repository: self.repository.clone(), target }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(ReferenceError::TooLong(text.len()));
        }
        if text.contains("://") {
            return Err(ReferenceError::Scheme(text.to_owned()));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        let (registry, rest) = match name.split_once('/') {
            Some((first, rest)) if registry::looks_like_one(first) => (Some(registry::spelled(first)?), rest),
            _ => (None, name),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag.parse::<TagName>()?)),
            None => (rest, None),
        };
        let repository = path.parse::<Repository>()?;
        if registry.as_ref().is_none_or(Registry::is_docker_hub) {
            repository.check_in_docker_library()?;
        }
        let target = match digest {
            Some(digest) => Target::Digest { tag, digest },
            None => Target::Tag(tag.unwrap_or_else(TagName::latest)),
        };
        let reference = Self { registry: None, repository, target };
        Ok(match registry {
            Some(registry) => reference.at(&registry),
            None => reference,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(registry) = &self.registry {
            write!(f, "{registry}/")?;
        }
        write!(f, "{}", self.repository)?;
        if let Some(tag) = self.tag() {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = self.digest() {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[rstest]
    #[case("fedora", "fedora:latest")]
    #[case("docker.io/fedora", "docker.io/library/fedora:latest")]
    #[case("index.docker.io/fedora:40", "docker.io/library/fedora:40")]
    #[case("docker.io/company/myapp", "docker.io/company/myapp:latest")]
    #[case("company/myapp", "company/myapp:latest")]
    #[case("quay.io/company/myapp:latest", "quay.io/company/myapp:latest")]
    #[case("QUAY.io/company/myapp", "quay.io/company/myapp:latest")]
    #[case("localhost/myapp", "localhost/myapp:latest")]
    #[case("localhost:5000/myapp:v1", "localhost:5000/myapp:v1")]
    #[case("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest")]
    #[case("[::1]:5000/myapp", "[::1]:5000/myapp:latest")]
    #[case("myapp:5000", "myapp:5000")]
    #[case("a__b/c-d--e.f_g", "a__b/c-d--e.f_g:latest")]
    #[case(&"a".repeat(247), &format!("{}:latest", "a".repeat(247)))]
    #[case(&format!("quay.io/{}", "a".repeat(255)), &format!("quay.io/{}:latest", "a".repeat(255)))]
    fn normalises(#[case] text: &str, #[case] normal: &str) {
        assert_eq!(text.parse::<Reference>().unwrap().to_string(), normal);
    }

    #[test]
    fn a_digest_needs_no_tag_and_keeps_the_one_it_has() {
        let bare: Reference = format!("quay.io/a/b@{SHA}").parse().unwrap();
        assert_eq!((bare.tag(), bare.digest().unwrap().to_string()), (None, SHA.to_owned()));
        let both: Reference = format!("quay.io/a/b:v1@{SHA}").parse().unwrap();
        assert_eq!(both.tag().unwrap().as_str(), "v1");
        assert_eq!(both.to_string(), format!("quay.io/a/b:v1@{SHA}"));
    }

    #[test]
    fn a_pinned_reference_bears_the_digest_alone() {
        let reference: Reference = "docker.io/fedora:40".parse().unwrap();
        let pinned = reference.pinned(&SHA.parse().unwrap());
        assert_eq!(pinned.to_string(), format!("docker.io/library/fedora@{SHA}"));
    }

    #[test]
    fn an_unqualified_name_is_placed_as_docker_places_it() {
        let name: Reference = "fedora".parse().unwrap();
        assert!(name.registry().is_none());
        assert_eq!(name.at(&"docker.io".parse().unwrap()).to_string(), "docker.io/library/fedora:latest");
        assert_eq!(name.at(&"quay.io".parse().unwrap()).to_string(), "quay.io/fedora:latest");
    }

    #[rstest]
    #[case("", "is empty")]
    #[case("https://quay.io/a/b", "leave out the scheme")]
    #[case("quay.io/", "repository")]
    #[case("quay.io/Company/app", "lower case")]
    #[case("quay.io/a//b", "repository")]
    #[case("quay.io/a/b:", "tag")]
    #[case("quay.io/a/b:-x", "tag")]
    #[case("quay.io/a/b:x:y", "tag")]
    #[case("quay.io:99999/a", "port")]
    #[case("quay.io:/a", "port")]
    #[case("-quay.io/a", "registry")]
    #[case("quay.io/a@sha256:../../x", "digest")]
    #[case("quay.io/a@sha256:abc", "64")]
    #[case("quay.io/a@md5:0123", "digest")]
    #[case("quay.io/a b", "repository")]
    #[case("quay.io/a\nb", "repository")]
    #[case("QUAY/company/app", "a word alone is no registry")]
    #[case("Company/app", "a word alone is no registry")]
    #[case(&format!("docker.io/{}", "a".repeat(248)), "of 256 characters is too long")]
    #[case(&"a".repeat(248), "of 256 characters is too long")]
    fn refuses(#[case] text: &str, #[case] because: &str) {
        let error = text.parse::<Reference>().unwrap_err().to_string();
        assert!(error.contains(because), "{text:?}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }

    prop_compose! {
        fn any_reference()(
            host in prop::option::of("([a-z0-9]{1,8}\\.){1,3}[a-z]{2,3}(:[1-9][0-9]{0,3})?|localhost|\\[::1\\]:5000|docker\\.io"),
            path in "[a-z0-9]{1,9}((_|__|-{1,3})[a-z0-9]{1,5}){0,2}(/[a-z0-9]{1,9}(\\.[a-z0-9]{1,5}){0,2}){0,3}",
            tag in prop::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"),
            digest in prop::option::of("sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}"),
        ) -> String {
            let mut text = host.map(|host| host + "/").unwrap_or_default() + &path;
            tag.into_iter().for_each(|tag| text = format!("{text}:{tag}"));
            digest.into_iter().for_each(|digest| text = format!("{text}@{digest}"));
            text
        }
    }

    proptest! {
        #[test]
        fn printing_and_parsing_again_changes_nothing(text in any_reference()) {
            let reference: Reference = text.parse().unwrap();
            prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
        }

        #[test]
        fn no_text_panics_and_what_parses_prints_and_parses_again(text in "\\PC{0,300}|[a-z0-9:/@._\\-\\[\\]]{0,80}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = String::from_utf8_lossy(&bytes).parse::<Reference>();
        }
    }
}
