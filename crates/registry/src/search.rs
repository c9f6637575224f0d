use tagger_core::reference::Reference;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::client::Client;
use crate::error::Error;
use crate::fault::Fault;
use crate::registries_conf::Place;
use crate::remote::Remote;

/// How many times as long as a registry may take for one request a place is waited for, with all that keeps us from asking.
const LONGEST: u32 = 10;

/// Something that a repository is asked wherever it may be.
pub(crate) trait Question: Sync {
    /// What comes of it.
    type Answer: Send;

    /// Asks it at one place.
    fn ask(&self, asked: Asked<'_>) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;
}

/// One place that is asked.
pub(crate) struct Asked<'a> {
    pub(crate) remote: Remote,
    /// What is asked about, by the name that people gave it; has its registry already.
    pub(crate) reference: &'a Reference,
    /// Whether it may be in no other registry, so that what is known of it need not be looked for.
    pub(crate) sole: bool,
}

impl Client {
    /// Asks wherever a reference may be read, in turn, until there is an answer.
    pub(crate) async fn search<Q: Question>(
        &self,
        reference: &Reference,
        question: &Q,
    ) -> Result<Q::Answer, Error> {
        if reference.registry().is_some() {
            return self.search_at(reference, question, true).await;
        }
        let mut looked = Vec::new();
        for registry in self.unqualified.iter() {
            let placed = reference.at(registry);
            match self.search_at(&placed, question, self.unqualified.len() == 1).await {
                Err(Error::At {
                    fault: fault @ (Fault::NotFound | Fault::Unauthorized { .. } | Fault::Blocked(_)),
                    ..
                }) => {
                    looked.push((registry.clone(), fault));
                }
                other => return other,
            }
        }
        Err(Error::Nowhere { name: reference.clone(), looked })
    }

    async fn search_at<Q: Question>(
        &self,
        reference: &Reference,
        question: &Q,
        sole: bool,
    ) -> Result<Q::Answer, Error> {
        let at = |fault| Error::At { reference: reference.clone(), fault };
        let places = self.places(reference).map_err(at)?;
        let mut last = Fault::NotFound;
        for (place, left) in places.iter().zip((0..places.len()).rev()) {
            match self.ask(place, reference, question, sole).await {
                Ok(answer) => return Ok(answer),
                // To ask the next place now would spend what is to last there, and might find what this one does not have yet.
                Err(fault @ Fault::Deferred { .. }) => return Err(at(fault)),
                Err(fault) => last = fault,
            }
            let mirror = &place.registry;
            match &last {
                _ if left == 0 => {}
                Fault::NotFound => debug!(%reference, %mirror, "the mirror does not have it"),
                fault => warn!(%reference, %mirror, %fault, "the mirror is passed over"),
            }
        }
        Err(at(last))
    }

    async fn ask<Q: Question>(
        &self,
        place: &Place,
        reference: &Reference,
        question: &Q,
        sole: bool,
    ) -> Result<Q::Answer, Fault> {
        let asked = Asked { remote: self.reader(place)?, reference, sole };
        let limits = self.transport.limits();
        // Each request has its own time from when it is made, and tells when its registry is late. What takes longer than all of
        // them waits for us: for places, for the rate, for other lists.
        let outcome = timeout(limits.whole * LONGEST, question.ask(asked)).await;
        outcome.unwrap_or(Err(Fault::Deferred { left: limits.patience }))
    }
}
