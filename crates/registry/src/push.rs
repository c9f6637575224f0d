//! Writes a repository: blobs in one piece or in several, and manifests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures::stream;
use http::header::{LOCATION, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tagger_core::reference::{Digest, Repository};
use tokio::time::sleep;
use url::Url;

use crate::download::Download;
use crate::fault::{Fault, UploadProblem};
use crate::pull::Manifest;
use crate::remote::{Remote, unexpected};
use crate::transport::{Answer, Call, Origin, Payload, Scope, redirected};

/// How much is in memory at a time of a blob that goes in pieces.
const CHUNK: u64 = 4 * 1024 * 1024;
/// The largest piece that a registry may ask for.
const LARGEST_CHUNK: u64 = 64 * 1024 * 1024;

/// An upload that a registry waits for.
pub(crate) struct Session {
    url: Url,
    /// What the registry was shown, where the upload goes to the registry itself.
    authorization: Option<HeaderValue>,
    /// How large a piece must be, the last one aside.
    least: u64,
}

/// What came of asking for a blob of another repository.
pub(crate) enum Begun {
    /// Nothing need be uploaded: the registry took the blob from another repository.
    Mounted,
    /// It waits.
    Session(Session),
}

/// Why a blob did not arrive: the fault, and at which end.
pub(crate) enum NotSent {
    Source(Fault),
    Destination(Fault),
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
    fn session(&self, answer: &Answer, asked: &Url) -> Result<Session, Fault> {
        let failed = |problem| Fault::UploadFailed { host: self.registry.to_string(), problem };
        let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let location = location.ok_or(failed(UploadProblem::NoLocation))?;
        let url =
            redirected(asked, Some(location)).map_err(|problem| failed(UploadProblem::Location(problem)))?;
        let home = Origin::of(&url).as_ref() == Some(&self.origin);
        let least = answer.headers.get("oci-chunk-min-length");
        let least = least.and_then(|least| least.to_str().ok()?.parse::<u64>().ok()).unwrap_or_default();
        let least = least.min(LARGEST_CHUNK);
        Ok(Session { url, authorization: answer.authorization.clone().filter(|_| home), least })
    }

    /// Sends a blob in one request, piece after piece as it comes in.
    pub(crate) async fn send_whole(
        &self,
        session: Session,
        (digest, size): (&Digest, u64),
        download: Download,
        passed: &AtomicU64,
    ) -> Result<(), NotSent> {
        let broken = Arc::new(Mutex::new(None));
        let pieces = stream::unfold((download, broken.clone()), |(mut download, broken)| async move {
            let piece = match download.next().await {
                Ok(piece) => Ok::<_, Broken>(piece?),
                Err(fault) => {
                    *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                    Err(Broken)
                }
            };
            Some((piece, (download, broken)))
        });
        let body = reqwest::Body::wrap_stream(pieces);
        let url = completed(session.url, digest);
        let patience = standstill(passed, self.transport.stall());
        let answer = self.transport.upload(url, session.authorization.as_ref(), (body, size), patience).await;
        if let Some(fault) = broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(NotSent::Source(fault));
        }
        self.arrived(answer.map_err(NotSent::Destination)?).map_err(NotSent::Destination)
    }

    /// Sends a blob in several requests, each of which can be taken up where it broke.
    pub(crate) async fn send_in_pieces(
        &self,
        mut session: Session,
        digest: &Digest,
        mut download: Download,
    ) -> Result<(), NotSent> {
        let (mut at, mut ended) = (0, false);
        while !ended {
            let size = CHUNK.max(session.least) as usize;
            let mut chunk = BytesMut::with_capacity(size);
            while chunk.len() < size && !ended {
                match download.next().await.map_err(NotSent::Source)? {
                    Some(piece) => chunk.extend_from_slice(&piece),
                    None => ended = true,
                }
            }
            let length = chunk.len() as u64;
            if length > 0 {
                session = self.send_piece(session, at, chunk.freeze()).await.map_err(NotSent::Destination)?;
            }
            at += length;
        }
        let call = Call { slow: true, ..Call::new(Method::PUT, completed(session.url.clone(), digest)) };
        let answer = self.within(&session, call).await.map_err(NotSent::Destination)?;
        self.arrived(answer).map_err(NotSent::Destination)
    }

    async fn send_piece(&self, mut session: Session, start: u64, piece: Bytes) -> Result<Session, Fault> {
        let (mut at, end, mut tries) = (start, start + piece.len() as u64, 0);
        let failed = |problem| Fault::UploadFailed { host: self.registry.to_string(), problem };
        while at < end {
            let payload = Payload::Chunk(at, piece.slice((at - start) as usize..));
            let call =
                Call { payload, again: false, slow: true, ..Call::new(Method::PATCH, session.url.clone()) };
            let mut broke = false;
            let answer = match self.within(&session, call).await {
                Ok(answer) if answer.status == StatusCode::RANGE_NOT_SATISFIABLE => {
                    self.ask_how_far(&session).await?
                }
                Ok(answer) => answer,
                Err(fault) => {
                    (broke, tries) = (true, tries + 1);
                    let Some(wait) = self.transport.wait(&fault, tries) else { return Err(fault) };
                    sleep(wait).await;
                    self.ask_how_far(&session).await?
                }
            };
            let kept = match answer.status {
                StatusCode::ACCEPTED => kept(&answer.headers).filter(|kept| *kept > 0).unwrap_or(end),
                StatusCode::NO_CONTENT => kept(&answer.headers).unwrap_or(start),
                StatusCode::NOT_FOUND => return Err(failed(UploadProblem::SessionLost)),
                StatusCode::PAYLOAD_TOO_LARGE => return Err(failed(UploadProblem::TooLarge)),
                _ => return Err(unexpected(&answer)),
            };
            if kept < start || kept > end {
                return Err(failed(UploadProblem::Count));
            }
            if kept == at && !broke {
                let lost = failed(UploadProblem::Count);
                tries += 1;
                let Some(wait) = self.transport.wait(&lost, tries) else { return Err(lost) };
                sleep(wait).await;
            }
            at = kept;
            let (asked, least) = (session.url.clone(), session.least);
            session = self.session(&answer, &asked)?;
            // It is said once, with the answer that begins the upload.
            session.least = session.least.max(least);
        }
        Ok(session)
    }

    /// Asks how much of a blob the registry has kept.
    async fn ask_how_far(&self, session: &Session) -> Result<Answer, Fault> {
        self.within(session, Call::new(Method::GET, session.url.clone())).await
    }

    /// Sends a call of an upload: with what the registry wants to be shown, or to another host with nothing.
    async fn within(&self, session: &Session, call: Call) -> Result<Answer, Fault> {
        match Origin::of(&session.url).as_ref() == Some(&self.origin) {
            true => self.change(call).await,
            false => self.transport.call_openly(&Call { follow: false, ..call }).await,
        }
    }

    /// Whether the registry has put a blob away.
    fn arrived(&self, answer: Answer) -> Result<(), Fault> {
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

fn completed(mut url: Url, digest: &Digest) -> Url {
    url.query_pairs_mut().append_pair("digest", digest.as_str());
    url
}

/// How many bytes a registry has kept, by the `Range` of its answer: `0-9` are ten, and `0-0` is one or none.
fn kept(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(RANGE)?.to_str().ok()?;
    let last: u64 = range.rsplit_once('-')?.1.trim().parse().ok()?;
    Some(if last == 0 { 0 } else { last + 1 })
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
