use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tagger_core::reference::Repository;
use tokio::time::sleep;

use super::Progress;
use super::image::Copying;
use super::shared::{Place, Placed};
use super::tally::Tally;
use crate::download::Download;
use crate::fault::{Fault, UploadProblem};
use crate::parts::Blob;
use crate::push::{Begun, NotSent, Session};

impl Copying {
    /// Brings a blob to the destination, if it is not there. `trusting` what was seen of it before saves requests.
    pub(super) async fn blob(&self, blob: &Blob, trusting: bool) -> Result<(), NotSent> {
        self.tell(Progress::Found(blob.size));
        let place = Place {
            destination: self.into.origin.clone(),
            source: self.from.origin.clone(),
            digest: blob.digest.clone(),
        };
        // Whoever is here first sends it, and the others find it there.
        let _flight = self.shared.flights.board(place.clone()).await;
        let known = self.shared.placed(&place).filter(|_| trusting);
        let here = |known: &Placed| known.destination == self.into.repository;
        if known.as_ref().is_some_and(here) {
            return self.spared(blob, &self.present);
        }
        let mut session = None;
        if let Some(elsewhere) = self.elsewhere(blob, known).await? {
            match self.into.begin(Some((&blob.digest, &elsewhere))).await {
                Ok(Begun::Mounted) => {
                    self.note(&place);
                    return self.spared(blob, &self.mounted);
                }
                Ok(Begun::Session(begun)) => session = Some(begun),
                // A registry that has no mounting, or whose token server gives none for both repositories.
                Err(
                    Fault::Unauthorized { .. }
                    | Fault::NotFound
                    | Fault::ReadOnly { .. }
                    | Fault::UnexpectedAnswer { .. },
                ) => {}
                Err(fault) => return Err(NotSent::Destination(fault)),
            }
        }
        // What can't be mounted may be there all the same, from an earlier copy.
        if self.into.has_blob(&blob.digest).await.map_err(NotSent::Destination)? {
            self.note(&place);
            return self.spared(blob, &self.present);
        }
        match self.send(blob, session).await {
            // A layer that is said to be elsewhere need not be in the registry.
            Err(NotSent::Source(Fault::NotFound)) if blob.foreign => {
                self.tell(Progress::Spared(blob.size));
                return Ok(());
            }
            Err(NotSent::Source(Fault::NotFound)) => {
                return Err(NotSent::Source(Fault::PartMissing(blob.digest.clone())));
            }
            other => other?,
        }
        self.note(&place);
        self.sent.add(blob.size);
        Ok(())
    }

    /// Another repository of the destination that has the blob and that it may be taken from: one of the same registry that
    /// it is read from, or one that was filled from there. The source must say by itself that it has the blob, so that
    /// nobody gets what he could not read.
    async fn elsewhere(&self, blob: &Blob, known: Option<Placed>) -> Result<Option<Repository>, NotSent> {
        if self.from.origin == self.into.origin && self.from.repository != self.into.repository {
            return Ok(Some(self.from.repository.clone()));
        }
        let Some(known) = known else { return Ok(None) };
        let readable = known.source == self.from.repository
            || self.from.has_blob(&blob.digest).await.map_err(NotSent::Source)?;
        Ok(readable.then_some(known.destination))
    }

    async fn send(&self, blob: &Blob, mut session: Option<Session>) -> Result<(), NotSent> {
        let _places = self.into.transport.budgets.transfer(&self.from.origin, &self.into.origin).await;
        let (mut tries, mut in_pieces) = (0, self.shared.takes_pieces_only(&self.into.origin));
        let mut was_let_in = false;
        loop {
            let session = match session.take() {
                Some(session) => session,
                None => match self.into.begin(None).await.map_err(NotSent::Destination)? {
                    Begun::Session(session) => session,
                    Begun::Mounted => return Ok(()),
                },
            };
            let fault = match self.try_to_send(blob, session, in_pieces).await {
                Err(NotSent::Destination(fault)) => fault,
                other => return other,
            };
            tries += 1;
            // Its token was good when the upload began, and its time was over when the bytes were to go.
            if matches!(fault, Fault::Unauthorized { .. }) && !was_let_in {
                was_let_in = true;
                continue;
            }
            if let (false, Fault::UploadFailed { problem: UploadProblem::TooLarge, .. }) = (in_pieces, &fault)
            {
                self.shared.note_pieces_only(&self.into.origin);
                in_pieces = true;
                continue;
            }
            let Some(wait) = self.into.transport.wait(&fault, tries) else {
                return Err(NotSent::Destination(fault));
            };
            tracing::debug!(reason = fault.reason(), digest = %blob.digest, "a blob is sent again");
            sleep(wait).await;
            // What broke once may break again: pieces can be taken up where they broke.
            in_pieces = true;
        }
    }

    async fn try_to_send(&self, blob: &Blob, session: Session, in_pieces: bool) -> Result<(), NotSent> {
        let passed = Arc::new(AtomicU64::new(0));
        let download = Download::new(self.from.clone(), blob.digest.clone(), blob.size, passed.clone());
        let download = download.telling(self.progress.clone());
        match in_pieces {
            false => self.into.send_whole(session, (&blob.digest, blob.size), download, &passed).await,
            true => self.into.send_in_pieces(session, &blob.digest, download).await,
        }
    }

    fn spared(&self, blob: &Blob, tally: &Tally) -> Result<(), NotSent> {
        tally.add(blob.size);
        self.tell(Progress::Spared(blob.size));
        Ok(())
    }

    fn note(&self, place: &Place) {
        let placed =
            Placed { destination: self.into.repository.clone(), source: self.from.repository.clone() };
        self.shared.note(place, placed);
    }
}
