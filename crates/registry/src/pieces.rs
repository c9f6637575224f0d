//! Uploads in several requests (the chunked uploads of the OCI distribution specification), each of which can be taken up where it
//! broke.

use bytes::{Bytes, BytesMut};
use http::header::RANGE;
use http::{HeaderMap, Method, StatusCode};
use tagger_core::reference::Digest;
use tokio::time::sleep;

use crate::fault::{Fault, UploadProblem};
use crate::push::{NotSent, Pieces, Session, completed};
use crate::remote::{Remote, unexpected};
use crate::transport::{Answer, Call, Origin, Payload};

/// How much is in memory at a time of a blob that goes in pieces.
const CHUNK: u64 = 4 * 1024 * 1024;

impl Remote {
    /// Sends a blob in several requests, each of which can be taken up where it broke.
    pub(crate) async fn send_in_pieces<P: Pieces>(
        &self,
        mut session: Session,
        digest: &Digest,
        mut pieces: P,
    ) -> Result<(), NotSent<P::Broken>> {
        let (mut at, mut ended, mut rest) = (0, false, Bytes::new());
        while !ended {
            let size = CHUNK.max(session.least) as usize;
            let mut chunk = BytesMut::with_capacity(size);
            while chunk.len() < size && !ended {
                if rest.is_empty() {
                    match pieces.next().await.map_err(NotSent::Source)? {
                        Some(piece) => rest = piece,
                        None => ended = true,
                    }
                }
                chunk.extend_from_slice(&rest.split_to(rest.len().min(size - chunk.len())));
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
            if kept <= at && !broke {
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
}

/// How many bytes a registry has kept, by the `Range` of its answer: `0-9` are ten, and `0-0` is one or none.
fn kept(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(RANGE)?.to_str().ok()?;
    let last: u64 = range.rsplit_once('-')?.1.trim().parse().ok()?;
    Some(if last == 0 { 0 } else { last + 1 })
}
