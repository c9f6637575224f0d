use http::{Method, StatusCode};
use tagger_core::reference::Reference;

use crate::client::Client;
use crate::error::Error;
use crate::fault::Fault;
use crate::remote::{Remote, unexpected};
use crate::transport::{Call, Scope};

/// Says what came of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Removed,
    /// It was not there.
    NotThere,
    /// The registry removes no such thing: nothing at all, not for us, or no tag without its manifest.
    Unsupported,
}

impl Client {
    /// Removes a tag, or, by digest, a manifest. Many registries remove the tags with their manifest; some remove no tag by
    /// itself, CNCF distribution before version 3 among them, and some nothing at all.
    pub async fn remove(&self, reference: &Reference) -> Result<Removal, Error> {
        let told = |fault| Error::At { reference: reference.clone(), fault };
        let Some(registry) = reference.registry() else { return Err(told(Fault::NotFound)) };
        let remote = self.writer(registry, reference.repository()).map_err(told)?;
        remote.scoped(Scope::remove(reference.repository())).remove(reference).await.map_err(told)
    }
}

impl Remote {
    async fn remove(&self, reference: &Reference) -> Result<Removal, Fault> {
        let tag = || reference.tag().map(|tag| tag.as_str());
        let Some(target) = reference.digest().map(|digest| digest.as_str()).or_else(tag) else {
            return Ok(Removal::NotThere);
        };
        let call = Call { follow: false, ..self.to(Method::DELETE, &format!("manifests/{target}"))? };
        let answer = match self.call(&call).await {
            // Who may write need not be allowed to remove.
            Err(Fault::Unauthorized { .. }) => return Ok(Removal::Unsupported),
            other => other?,
        };
        match answer.status {
            status if status.is_success() => Ok(Removal::Removed),
            StatusCode::NOT_FOUND => Ok(Removal::NotThere),
            // 400 is what distribution 2 says to a tag, which to its eyes is a digest gone wrong.
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED | StatusCode::BAD_REQUEST => {
                Ok(Removal::Unsupported)
            }
            _ => Err(unexpected(&answer)),
        }
    }
}
