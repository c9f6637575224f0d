use std::fmt;
use std::str::FromStr;

use tagger_core::reference::{Reference, ReferenceError, Registry, Repository};

use super::error::NameProblem;

/// A registry, or a path in one: the beginning of the names of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) registry: Registry,
    /// As it was written: `docker.io/alpine` is no `docker.io/library/alpine` here, since it may be an organisation.
    pub(super) path: Option<Repository>,
}

impl Name {
    /// The repository that `rest` is below this name; none where that makes no repository.
    pub(super) fn join(&self, rest: &str) -> Option<Repository> {
        let path = self.path.iter().map(Repository::as_str).chain((!rest.is_empty()).then_some(rest));
        let path = path.collect::<Vec<_>>().join("/");
        // By way of a reference, which knows of docker.io/library.
        let reference = format!("{}/{path}", self.registry).parse::<Reference>().ok()?;
        Some(reference.repository().clone())
    }
}

impl FromStr for Name {
    type Err = NameProblem;

    fn from_str(text: &str) -> Result<Self, NameProblem> {
        let text = text.trim_end_matches('/');
        // Any image below it: what is no registry with a path gives no reference with a registry.
        let below = format!("{text}/x").parse::<Reference>();
        let (host, path) = match text.split_once('/') {
            Some((host, path)) => (host, Some(path)),
            None => (text, None),
        };
        if path.is_some_and(|path| path.contains([':', '@'])) || host.contains('@') {
            return Err(NameProblem::Target);
        }
        if below?.registry().is_none() {
            return Err(NameProblem::NoHost);
        }
        let registry = host.parse().map_err(ReferenceError::from)?;
        let path = path.map(str::parse).transpose().map_err(ReferenceError::from)?;
        Ok(Self { registry, path })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.registry)?;
        self.path.as_ref().map_or(Ok(()), |path| write!(f, "/{path}"))
    }
}
