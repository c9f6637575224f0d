use std::fmt;
use std::str::FromStr;

use tagger_core::reference::{Reference, Registry, RegistryError, Repository, RepositoryError};

/// Names a place for images: a registry, and the beginning of every repository there. Written `host[:port][/path]`, with
/// `https://` or `http://` before it where somebody wants to say how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheAddress {
    registry: Registry,
    prefix: Option<Repository>,
    plain: Option<bool>,
}

/// Why a text is no address of a cache.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheAddressError {
    /// There is a user name, or a password, in it.
    #[error("a cache's address has no user in it; use CACHE_REGISTRY_USERNAME and CACHE_REGISTRY_PASSWORD")]
    User,
    /// Nodes would read the host as a part of a path on docker.io.
    #[error("{0:?} would be read as a repository of docker.io; write it with its port, such as {0}:443")]
    Bare(String),
    /// The host is none.
    #[error("no cache's address: {0}; write host[:port][/path]")]
    Registry(#[from] RegistryError),
    /// The path is no beginning of a repository.
    #[error("no cache's address: {0}; write host[:port][/path]")]
    Path(#[from] RepositoryError),
}

impl CacheAddress {
    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whether it was written to be spoken to in plain HTTP, where it was written at all.
    pub(crate) fn plain(&self) -> Option<bool> {
        self.plain
    }

    /// The repository of a Tag. Always bears the namespace, so that no namespace writes over another's images.
    pub(crate) fn repository(&self, namespace: &str, tag: &str) -> Result<Repository, RepositoryError> {
        match &self.prefix {
            Some(prefix) => format!("{}/{namespace}/{tag}", prefix.as_str()).parse(),
            None => format!("{namespace}/{tag}").parse(),
        }
    }
}

impl FromStr for CacheAddress {
    type Err = CacheAddressError;

    fn from_str(text: &str) -> Result<Self, CacheAddressError> {
        let (plain, bare) = match text.split_once("://") {
            Some((scheme, bare)) if scheme.eq_ignore_ascii_case("https") => (Some(false), bare),
            Some((scheme, bare)) if scheme.eq_ignore_ascii_case("http") => (Some(true), bare),
            _ => (None, text),
        };
        if bare.contains('@') {
            return Err(CacheAddressError::User);
        }
        let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
        let registry: Registry = host.parse()?;
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { None } else { Some(path.parse()?) };
        let read: Option<Reference> = format!("{registry}/a/b").parse().ok();
        match read.is_some_and(|read| read.registry() == Some(&registry)) {
            true => Ok(Self { registry, prefix, plain }),
            false => Err(CacheAddressError::Bare(registry.to_string())),
        }
    }
}

impl fmt::Display for CacheAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.registry),
            None => write!(f, "{}", self.registry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("registry.internal", "registry.internal", None)]
    #[case("registry.internal:5000/", "registry.internal:5000", None)]
    #[case("https://registry.internal", "registry.internal", Some(false))]
    #[case(
        "http://registry.internal:5000/mirror/of/all/",
        "registry.internal:5000/mirror/of/all",
        Some(true)
    )]
    #[case("HTTP://127.0.0.1:5000", "127.0.0.1:5000", Some(true))]
    #[case("[::1]:5000/a", "[::1]:5000/a", None)]
    #[case("localhost", "localhost", None)]
    #[case("cache:5000", "cache:5000", None)]
    fn an_address_is_read(#[case] text: &str, #[case] normal: &str, #[case] plain: Option<bool>) {
        let address: CacheAddress = text.parse().unwrap();
        assert_eq!((address.to_string(), address.plain()), (normal.to_owned(), plain));
    }

    #[rstest]
    #[case("", "no registry")]
    #[case("https://", "no registry")]
    #[case("ftp://registry.internal", "no registry")]
    #[case("registry.internal:port", "port")]
    #[case("registry.internal/Mirror", "lower case")]
    #[case("registry.internal//a", "no repository")]
    #[case("registry.internal/a:b", "no repository")]
    #[case("cache", "cache:443")]
    fn what_is_none_is_refused_with_what_is_right(#[case] text: &str, #[case] because: &str) {
        let error = text.parse::<CacheAddress>().unwrap_err().to_string();
        assert!(error.contains(because), "{error}");
    }

    #[test]
    fn a_password_in_an_address_is_not_told() {
        let error = "https://me:hunter2@registry.internal".parse::<CacheAddress>().unwrap_err();
        assert_eq!(error, CacheAddressError::User);
        assert!(!error.to_string().contains("hunter2"));
    }
}
