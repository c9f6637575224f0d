use tagger_core::reference::Repository;

use super::Progress;
use super::flights::Flight;
use super::image::Copying;
use super::shared::{Place, Placed};
use super::tally::Tally;
use crate::download::Download;
use crate::fault::Fault;
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
        let flight = self.shared.flights.board(place.clone()).await;
        let known = self.shared.placed(&place).filter(|_| trusting);
        let here = |known: &Placed| known.destination == self.into.repository;
        if known.as_ref().is_some_and(here) {
            return self.spared(blob, &self.present);
        }
        let Some(elsewhere) = self.elsewhere(blob, known).await? else {
            return self.bring(blob, &place, None, flight).await;
        };
        // Those who may take it from there need not wait for one another.
        drop(flight);
        let session = match self.into.mount(&blob.digest, &elsewhere).await {
            Ok(Begun::Mounted) => {
                self.note(&place);
                return self.spared(blob, &self.mounted);
            }
            Ok(Begun::Session(session)) => Some(session),
            // A registry that has no mounting, or whose token server gives none for both repositories.
            Err(
                Fault::Unauthorized { .. }
                | Fault::NotFound
                | Fault::ReadOnly { .. }
                | Fault::UnexpectedAnswer { .. },
            ) => None,
            Err(fault) => return Err(NotSent::Destination(fault)),
        };
        let flight = self.shared.flights.board(place.clone()).await;
        self.bring(blob, &place, session, flight).await
    }

    /// Sends a blob that is not there.
    async fn bring(
        &self,
        blob: &Blob,
        place: &Place,
        session: Option<Session>,
        _flight: Flight<Place>,
    ) -> Result<(), NotSent> {
        // One that mounts nothing may have it all the same, from a copy that came to nothing.
        if self.into.has_blob(&blob.digest).await.map_err(NotSent::Destination)? {
            self.note(place);
            return self.spared(blob, &self.present);
        }
        match self.send(blob, session).await {
            // A layer that is said to be elsewhere need not be in the registry.
            Err(NotSent::Source(Fault::PartMissing(_))) if blob.foreign => {
                self.tell(Progress::Spared(blob.size));
                return Ok(());
            }
            other => other?,
        }
        self.note(place);
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

    async fn send(&self, blob: &Blob, session: Option<Session>) -> Result<(), NotSent> {
        let _places = self.into.transport.budgets.transfer(&self.from.origin, &self.into.origin).await;
        let open = |passed| {
            Download::new(self.from.clone(), blob.digest.clone(), blob.size, passed)
                .telling(self.progress.clone())
        };
        self.into.send(&self.shared, blob, session, open).await
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
