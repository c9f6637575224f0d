use std::sync::Arc;

use tagger_core::reference::Repository;

use crate::keychain::Credential;

/// In whose name a repository is used, and for what: each credential in turn, then nobody's. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) scope: Scope,
    pub(crate) credentials: Arc<[Credential]>,
    pub(crate) urgency: Urgency,
}

impl Access {
    /// To read a repository.
    pub(crate) fn pull(repository: &Repository, credentials: Vec<Credential>, urgency: Urgency) -> Self {
        Self { scope: Scope::pull(repository), credentials: credentials.into(), urgency }
    }
}

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Urgency {
    /// Somebody waits for it.
    Urgent,
    /// It yields to everything else.
    Patient,
}

/// What a token is to allow: scopes of the distribution project's token specification.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope(Arc<[String]>);

impl Scope {
    /// To read a repository.
    pub(crate) fn pull(repository: &Repository) -> Self {
        Self([format!("repository:{repository}:pull")].into())
    }

    /// To read and to write a repository.
    pub(crate) fn push(repository: &Repository) -> Self {
        Self([format!("repository:{repository}:pull,push")].into())
    }

    /// To read, to write, and to remove from a repository.
    pub(crate) fn remove(repository: &Repository) -> Self {
        Self([format!("repository:{repository}:pull,push,delete")].into())
    }

    /// To write a repository, and to take blobs for it from another one.
    pub(crate) fn mount(repository: &Repository, from: &Repository) -> Self {
        Self([format!("repository:{repository}:pull,push"), format!("repository:{from}:pull")].into())
    }

    pub(crate) fn parts(&self) -> &[String] {
        &self.0
    }
}
