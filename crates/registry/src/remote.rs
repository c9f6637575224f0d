use std::sync::Arc;

use http::{Method, StatusCode};
use tagger_core::reference::{Registry, Repository};
use url::Url;

use crate::fault::Fault;
use crate::registries_conf::Place;
use crate::transport::{Access, Answer, Call, Origin, Scope, Transport, Urgency};

/// A repository of a registry, as somebody may use it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) transport: Arc<Transport>,
    pub(crate) registry: Registry,
    pub(crate) repository: Repository,
    pub(crate) origin: Origin,
    pub(crate) access: Access,
    /// The root of the repository in the registry's API.
    root: Url,
}

impl Remote {
    /// A repository, with what may be shown to its registry.
    pub(crate) fn new(transport: Arc<Transport>, place: &Place, access: Access) -> Result<Self, Fault> {
        let (registry, repository) = (place.registry.clone(), place.repository.clone());
        let base = transport.base(&registry, place.insecure)?;
        let root = base.join(&format!("{repository}/")).map_err(|_| Fault::NotFound)?;
        let origin = Origin::of(&root).ok_or(Fault::NotFound)?;
        Ok(Self { transport, registry, repository, origin, access, root })
    }

    /// The same repository, with tokens that allow something else.
    pub(crate) fn scoped(&self, scope: Scope) -> Self {
        let access = Access { scope, ..self.access.clone() };
        Self { access, ..self.clone() }
    }

    /// The same repository, for what follows a first request: that one has waited, and would have been made for nothing.
    pub(crate) fn urgent(&self) -> Self {
        let access = Access { urgency: Urgency::Urgent, ..self.access.clone() };
        Self { access, ..self.clone() }
    }

    /// A URL of the repository's. `path` is made of types that keep anything else out of it.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Fault> {
        self.root.join(path).map_err(|_| Fault::NotFound)
    }

    /// Sends a short call, tries and all, each within the time that looking up an image may take.
    pub(crate) async fn call(&self, call: &Call) -> Result<Answer, Fault> {
        self.transport.ask(call, &self.access).await
    }

    /// Sends a call that changes something; those don't follow redirects.
    pub(crate) async fn change(&self, call: Call) -> Result<Answer, Fault> {
        let answer = self.call(&Call { follow: false, ..call }).await?;
        match answer.status {
            // Distribution answers so, without a code, when it is in maintenance; a mirror of another registry as well.
            StatusCode::METHOD_NOT_ALLOWED if !answer.refusal.unsupported => {
                Err(Fault::ReadOnly { host: self.registry.to_string() })
            }
            _ => Ok(answer),
        }
    }

    /// A call of this method.
    pub(crate) fn to(&self, method: Method, path: &str) -> Result<Call, Fault> {
        Ok(Call::new(method, self.url(path)?))
    }
}

/// The fault of an answer whose status has no meaning where it came.
pub(crate) fn unexpected(answer: &Answer) -> Fault {
    match answer.status {
        StatusCode::NOT_FOUND => Fault::NotFound,
        status => Fault::UnexpectedAnswer { host: answer.origin.to_string(), status: status.as_u16() },
    }
}
