use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use tagger_core::reference::{Digest, Reference, Registry, Repository};
use tokio::time::Instant;

use crate::fault::Fault;
use crate::hash::digest_of;
use crate::keychain::{Credential, Keychain};
use crate::manifest::{ACCEPT, MAX_BYTES, media_type};
use crate::registries_conf::Place;
use crate::transport::{Access, Answer, Call, Origin, Read, Transport};

/// Says what a reference points at, and what that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The reference with its registry and with the tag that was asked for.
    pub reference: Reference,
    /// The digest of the manifest; for an image of several platforms, that of its index.
    pub digest: Digest,
    /// The media type of the manifest.
    pub media_type: String,
    /// The bytes of the manifest, when it was read and hashed just now; none when its digest was known.
    pub size: Option<u64>,
}

/// One look-up at one place.
pub(crate) struct Lookup<'a, K> {
    pub(crate) transport: &'a Transport,
    pub(crate) place: &'a Place,
    /// What is looked up, by the name that people gave it; has its registry already.
    pub(crate) reference: &'a Reference,
    pub(crate) access: Access,
    pub(crate) known: &'a K,
    pub(crate) deadline: Instant,
}

impl<K: Fn(&Digest) -> Option<String>> Lookup<'_, K> {
    /// `sole` says that there is no other registry to find it in, so that a known digest need not be looked for.
    pub(crate) async fn run(&self, sole: bool) -> Result<Resolved, Fault> {
        if let Some(digest) = self.reference.digest() {
            return match (self.known)(digest) {
                Some(media_type) if sole => Ok(self.resolved(digest.clone(), media_type, None)),
                Some(media_type) => {
                    self.ask(Method::HEAD, digest.as_str()).await?;
                    Ok(self.resolved(digest.clone(), media_type, None))
                }
                None => self.read(digest).await,
            };
        }
        let tag = self.reference.tag().map_or("latest", |tag| tag.as_str());
        let head = match self.ask(Method::HEAD, tag).await {
            // Not every proxy in front of a registry lets HEAD through.
            Err(Fault::UnexpectedAnswer { status: 405 | 501, .. }) => return self.read_tag(tag).await,
            other => other?,
        };
        let Some(digest) = digest_header(&head.headers)? else { return self.read_tag(tag).await };
        match (self.known)(&digest) {
            Some(media_type) => Ok(self.resolved(digest, media_type, None)),
            None => match self.read(&digest).await {
                Err(Fault::NotFound) => Err(Fault::Moved(digest)),
                other => other,
            },
        }
    }

    /// Reads a manifest by its digest and believes it when its hash is that.
    async fn read(&self, digest: &Digest) -> Result<Resolved, Fault> {
        let answer = self.ask(Method::GET, digest.as_str()).await?;
        match digest_of(&answer.body, Some(digest)) {
            Some(actual) if actual == *digest => self.checked(actual, &answer),
            Some(actual) => Err(Fault::DigestMismatch { expected: digest.clone(), actual }),
            None => Err(Fault::DigestInvalid),
        }
    }

    /// Reads a manifest by its tag, and takes the digest from nobody but the hash.
    async fn read_tag(&self, tag: &str) -> Result<Resolved, Fault> {
        let answer = self.ask(Method::GET, tag).await?;
        let digest = digest_of(&answer.body, None).ok_or(Fault::DigestInvalid)?;
        match (self.known)(&digest) {
            Some(media_type) => Ok(self.resolved(digest, media_type, None)),
            None => self.checked(digest, &answer),
        }
    }

    fn checked(&self, digest: Digest, answer: &Answer) -> Result<Resolved, Fault> {
        let content_type = answer.headers.get(CONTENT_TYPE).and_then(|header| header.to_str().ok());
        let media_type = media_type(&answer.body, content_type)?;
        Ok(self.resolved(digest, media_type, Some(answer.body.len() as u64)))
    }

    fn resolved(&self, digest: Digest, media_type: String, size: Option<u64>) -> Resolved {
        Resolved { reference: self.reference.clone(), digest, media_type, size }
    }

    /// `target` is a tag or a digest, whose types keep anything else out of the path.
    async fn ask(&self, method: Method, target: &str) -> Result<Answer, Fault> {
        let base = self.transport.base(&self.place.registry, self.place.insecure)?;
        let path = format!("{}/manifests/{target}", self.place.repository);
        let url = base.join(&path).map_err(|_| Fault::NotFound)?;
        let call = Call { accept: Some(ACCEPT), read: Read::Whole(MAX_BYTES), ..Call::new(method, url) };
        let origin = Origin::of(&call.url).ok_or(Fault::NotFound)?;
        let _place = self.transport.budgets.request(&origin).await;
        let answer = self.transport.call(&call, &self.access, self.deadline).await?;
        match answer.status {
            StatusCode::OK => Ok(answer),
            StatusCode::NOT_FOUND => Err(Fault::NotFound),
            status => {
                Err(Fault::UnexpectedAnswer { host: answer.origin.to_string(), status: status.as_u16() })
            }
        }
    }
}

/// The digest that a registry says its answer has: a hint, checked before anything is done with it.
pub(crate) fn digest_header(headers: &HeaderMap) -> Result<Option<Digest>, Fault> {
    let Some(header) = headers.get("docker-content-digest") else { return Ok(None) };
    let text = header.to_str().map_err(|_| Fault::DigestInvalid)?;
    text.parse().map(Some).map_err(|_| Fault::DigestInvalid)
}

/// The credentials of several keychains: those of the first one first, no credential twice.
pub(crate) fn gather(
    keychains: &[impl AsRef<dyn Keychain>],
    registry: &Registry,
    repository: &Repository,
) -> Vec<Credential> {
    let mut gathered: Vec<Credential> = Vec::new();
    for keychain in keychains {
        for credential in keychain.as_ref().credentials(registry, repository) {
            if gathered.len() < MAX_CREDENTIALS && gathered.iter().all(|other| other.id() != credential.id())
            {
                gathered.push(credential);
            }
        }
    }
    gathered
}

/// The most credentials that are tried for one look-up.
const MAX_CREDENTIALS: usize = 16;
