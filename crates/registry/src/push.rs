//! Writes a repository: blobs in one piece or in several, and manifests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream;
use http::header::LOCATION;
use http::{HeaderValue, Method, StatusCode};
use tagger_core::reference::{Digest, Repository};
use tokio::time::{Instant, sleep};
use url::Url;

use crate::fault::{Fault, UploadProblem};
use crate::keychain::CredentialId;
use crate::pull::Manifest;
use crate::remote::{Remote, unexpected};
use crate::transport::{Answer, Call, Origin, Payload, Scope, redirected};

/// The largest piece that a registry may ask for.
const LARGEST_CHUNK: u64 = 64 * 1024 * 1024;

/// An upload that a registry waits for.
pub(crate) struct Session {
    pub(crate) url: Url,
    /// What the registry was shown, where the upload goes to the registry itself.
    authorization: Option<HeaderValue>,
    /// In whose name it goes there.
    credential: Option<CredentialId>,
    /// How large a piece must be, the last one aside.
    pub(crate) least: u64,
}

/// What came of asking for a blob of another repository.
pub(crate) enum Begun {
    /// Nothing need be uploaded: the registry took the blob from another repository.
    Mounted,
    /// It waits.
    Session(Session),
}

/// Why a blob did not arrive: what failed, and at which end. A source is a registry or a disk.
#[derive(Debug)]
pub(crate) enum NotSent<S = Fault> {
    Source(S),
    Destination(Fault),
}

/// A blob that comes piece by piece. The last piece is given out only when the hash of all of them is right, so whoever passes
/// the pieces on never completes anything wrong.
pub(crate) trait Pieces: Send + 'static {
    /// Why they do not come.
    type Broken: Send + 'static;

    /// Waits for the first piece, so that nothing is begun elsewhere for a blob that is not there.
    fn begin(&mut self) -> impl Future<Output = Result<(), Self::Broken>> + Send;

    /// The next piece; none at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, Self::Broken>> + Send;
}

impl Remote {
    /// Begins an upload.
    pub(crate) async fn begin(&self) -> Result<Session, Fault> {
        let path = "blobs/uploads/";
        let answer = self.change(self.to(Method::POST, path)?).await?;
        match answer.status {
            StatusCode::ACCEPTED => self.session(&answer, &self.url(path)?),
            _ => Err(unexpected(&answer)),
        }
    }

    /// Takes a blob from another repository of the registry if it may be had there, and begins an upload if not.
    pub(crate) async fn mount(&self, digest: &Digest, from: &Repository) -> Result<Begun, Fault> {
        let path = format!("blobs/uploads/?mount={digest}&from={from}");
        let remote = self.scoped(Scope::mount(&self.repository, from));
        let answer = remote.change(self.to(Method::POST, &path)?).await?;
        match answer.status {
            StatusCode::CREATED => Ok(Begun::Mounted),
            StatusCode::ACCEPTED => Ok(Begun::Session(self.session(&answer, &self.url(&path)?)?)),
            _ => Err(unexpected(&answer)),
        }
    }

    /// Where an answer says that the upload goes on. Nothing is shown to anybody but the registry itself.
    pub(crate) fn session(&self, answer: &Answer, asked: &Url) -> Result<Session, Fault> {
        let failed = |problem| Fault::UploadFailed { host: self.registry.to_string(), problem };
        let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let location = location.ok_or(failed(UploadProblem::NoLocation))?;
        let url =
            redirected(asked, Some(location)).map_err(|problem| failed(UploadProblem::Location(problem)))?;
        let home = Origin::of(&url).as_ref() == Some(&self.origin);
        let least = answer.headers.get("oci-chunk-min-length");
        let least = least.and_then(|least| least.to_str().ok()?.parse::<u64>().ok()).unwrap_or_default();
        let least = least.min(LARGEST_CHUNK);
        Ok(Session {
            url,
            authorization: answer.authorization.clone().filter(|_| home),
            credential: answer.credential,
            least,
        })
    }

    /// Sends a blob in one request, piece after piece as it comes in.
    pub(crate) async fn send_whole<P: Pieces>(
        &self,
        session: Session,
        (digest, size): (&Digest, u64),
        pieces: P,
        passed: &AtomicU64,
    ) -> Result<(), NotSent<P::Broken>> {
        let broken = Arc::new(Mutex::new(None));
        let pieces = stream::unfold((pieces, broken.clone()), |(mut pieces, broken)| async move {
            let piece = match pieces.next().await {
                Ok(piece) => Ok::<_, Broken>(piece?),
                Err(why) => {
                    *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                    Err(Broken)
                }
            };
            Some((piece, (pieces, broken)))
        });
        let body = reqwest::Body::wrap_stream(pieces);
        let url = completed(session.url, digest);
        let patience = standstill(passed, self.transport.stall());
        let (sent, home) = (Instant::now(), Origin::of(&url).as_ref() == Some(&self.origin));
        let answer = self.transport.upload(url, session.authorization.as_ref(), (body, size), patience).await;
        if let (Err(fault), true) = (&answer, home) {
            self.transport.note(&self.origin, session.credential, sent, fault);
        }
        if let Some(why) = broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(NotSent::Source(why));
        }
        self.arrived(answer.map_err(NotSent::Destination)?).map_err(NotSent::Destination)
    }

    /// Whether the registry has put a blob away.
    pub(crate) fn arrived(&self, answer: Answer) -> Result<(), Fault> {
        let (host, status) = (self.registry.to_string(), answer.status);
        match status {
            _ if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Fault::Unauthorized {
                status: status.as_u16(),
                credentials: self.access.credentials.len(),
            }),
            StatusCode::METHOD_NOT_ALLOWED => Err(Fault::ReadOnly { host }),
            StatusCode::NOT_FOUND => Err(Fault::UploadFailed { host, problem: UploadProblem::SessionLost }),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Fault::UploadFailed { host, problem: UploadProblem::TooLarge })
            }
            StatusCode::BAD_REQUEST => Err(Fault::UploadFailed { host, problem: UploadProblem::Digest }),
            _ => Err(unexpected(&answer)),
        }
    }

    /// Writes a manifest under a tag or its digest.
    pub(crate) async fn put(&self, manifest: &Manifest, target: &str) -> Result<(), Fault> {
        let media_type = HeaderValue::from_str(&manifest.media_type);
        let media_type = media_type.map_err(|_| crate::manifest::ManifestProblem::MediaType)?;
        let payload = Payload::Document(media_type, manifest.bytes.clone());
        let call = Call { payload, ..self.to(Method::PUT, &format!("manifests/{target}"))? };
        let answer = self.change(call).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            _ if answer.refusal.part_unknown => Err(Fault::PartsLost),
            _ => Err(unexpected(&answer)),
        }
    }
}

/// The source's part of the body failed; what it was is kept beside.
#[derive(Debug, thiserror::Error)]
#[error("the blob could not be read")]
struct Broken;

pub(crate) fn completed(mut url: Url, digest: &Digest) -> Url {
    url.query_pairs_mut().append_pair("digest", digest.as_str());
    url
}

/// Ends when nothing has passed for so long.
async fn standstill(passed: &AtomicU64, limit: std::time::Duration) {
    let mut before = passed.load(Ordering::Relaxed);
    loop {
        sleep(limit).await;
        let now = passed.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}
