use tagger_core::reference::{Digest, Reference};

use crate::client::Client;
use crate::error::Error;
use crate::fault::Fault;
use crate::parts::Parts;
use crate::transport::Scope;

impl Client {
    /// The manifests that the manifest named by digest consists of: those of an index, and none of an image. None as well
    /// where it is not there.
    pub async fn children(&self, reference: &Reference) -> Result<Vec<Digest>, Error> {
        let told = |fault| Error::At { reference: reference.clone(), fault };
        let (Some(registry), Some(digest)) = (reference.registry(), reference.digest()) else {
            return Err(told(Fault::NotFound));
        };
        let remote = self.writer(registry, reference.repository()).map_err(told)?;
        let remote = remote.scoped(Scope::pull(reference.repository()));
        match remote.manifest(digest).await.map_err(told)? {
            Some(manifest) => Parts::of(&manifest).map(|parts| parts.children).map_err(told),
            None => Ok(Vec::new()),
        }
    }
}
