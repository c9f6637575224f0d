//! Reads a repository: manifests, and blobs that are hashed as they pass.

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use tagger_core::reference::Digest;

use crate::fault::Fault;
use crate::hash::digest_of;
use crate::manifest::{ACCEPT, MAX_BYTES, media_type};
use crate::remote::{Remote, unexpected};
use crate::transport::{Answer, Call, Incoming, Read};

/// A manifest as it is stored: its bytes are what its digest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

/// What a tag points at: told, or read.
pub(crate) enum Pointed {
    /// By the registry's word.
    At(Digest),
    /// By what was read and hashed, where the registry gave no word.
    Read(Manifest),
}

impl Remote {
    /// The manifest of this digest, hashed; none where the repository has not got it.
    pub(crate) async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, Fault> {
        self.read_manifest(digest.as_str(), Some(digest)).await
    }

    /// The manifest that a tag points at, hashed; none where there is no such tag.
    pub(crate) async fn tagged(&self, tag: &str) -> Result<Option<Manifest>, Fault> {
        self.read_manifest(tag, None).await
    }

    async fn read_manifest(&self, target: &str, digest: Option<&Digest>) -> Result<Option<Manifest>, Fault> {
        let lasting = digest.is_some();
        let call = Call { read: Read::Whole(MAX_BYTES), lasting, ..self.about(Method::GET, target)? };
        let answer = self.call(&call).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(unexpected(&answer)),
        }
        let actual = digest_of(&answer.body, digest).ok_or(Fault::DigestInvalid)?;
        if let Some(expected) = digest.filter(|expected| **expected != actual) {
            return Err(Fault::DigestMismatch { expected: expected.clone(), actual });
        }
        let content_type = answer.headers.get(CONTENT_TYPE).and_then(|header| header.to_str().ok());
        let media_type = media_type(&answer.body, content_type)?;
        Ok(Some(Manifest { digest: actual, media_type, bytes: answer.body }))
    }

    /// What a tag or a digest is, as the registry says; none where it is not there. It is a hint, good enough to leave
    /// something undone.
    pub(crate) async fn digest_at(&self, target: &str) -> Result<Option<Digest>, Fault> {
        Ok(self.pointed(target).await?.map(|pointed| match pointed {
            Pointed::At(digest) => digest,
            Pointed::Read(manifest) => manifest.digest,
        }))
    }

    /// What a tag or a digest points at, by HEAD where that tells it.
    pub(crate) async fn pointed(&self, target: &str) -> Result<Option<Pointed>, Fault> {
        let answer = self.call(&self.about(Method::HEAD, target)?).await?;
        let digest = match answer.status {
            StatusCode::OK => digest_header(&answer.headers)?,
            StatusCode::NOT_FOUND => return Ok(None),
            // Not every proxy in front of a registry lets HEAD through.
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => None,
            _ => return Err(unexpected(&answer)),
        };
        match digest {
            Some(digest) => Ok(Some(Pointed::At(digest))),
            None => Ok(self.urgent().tagged(target).await?.map(Pointed::Read)),
        }
    }

    fn about(&self, method: Method, target: &str) -> Result<Call, Fault> {
        Ok(Call { accept: Some(ACCEPT), ..self.to(method, &format!("manifests/{target}"))? })
    }

    /// Whether the repository has a blob.
    pub(crate) async fn has_blob(&self, digest: &Digest) -> Result<bool, Fault> {
        let answer = self.call(&self.to(Method::HEAD, &format!("blobs/{digest}"))?).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            // Where it can't be asked, it is not known to be there.
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Ok(false),
            _ => Err(unexpected(&answer)),
        }
    }

    /// A blob's bytes from this one on, or from an earlier one: the second number is how many of them come too early.
    pub(crate) async fn open(&self, digest: &Digest, from: u64) -> Result<(Incoming, u64), Fault> {
        let call = self.to(Method::GET, &format!("blobs/{digest}"))?;
        let call = Call { from, read: Read::Streamed, ..call };
        let mut answer = self.call(&call).await?;
        let is_the_part = |answer: &Answer| starts_at(&answer.headers) == Some(from);
        let early = match answer.status {
            StatusCode::OK => from,
            StatusCode::PARTIAL_CONTENT if is_the_part(&answer) => 0,
            // One that can't give the part that is missing can give the whole.
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => {
                answer = self.call(&Call { from: 0, ..call }).await?;
                match answer.status {
                    StatusCode::OK => from,
                    _ => return Err(unexpected(&answer)),
                }
            }
            _ => return Err(unexpected(&answer)),
        };
        answer.stream.take().map(|stream| (stream, early)).ok_or_else(|| unexpected(&answer))
    }
}

/// The digest that a registry says its answer has: a hint, checked before anything is done with it.
fn digest_header(headers: &HeaderMap) -> Result<Option<Digest>, Fault> {
    let Some(header) = headers.get("docker-content-digest") else { return Ok(None) };
    let text = header.to_str().map_err(|_| Fault::DigestInvalid)?;
    text.parse().map(Some).map_err(|_| Fault::DigestInvalid)
}

/// Where a part of a blob begins (RFC 9110, 14.4).
fn starts_at(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}
