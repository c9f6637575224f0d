//! What looks at Tags take, and what is remembered between them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use tagger_api::Tag;

use super::requests::Requests;
use crate::attention::Attention;
use crate::cache::Cache;
use crate::credentials::Credentials;
use crate::events::Events;
use crate::leadership::Leadership;
use crate::looks::Looks;
use crate::metrics::Metrics;
use crate::mirrors::{Lost, Mirrors, Places, Tidier};
use crate::retries::Retries;
use crate::usage::{Usage, UsageError};

/// What bringing a Tag to where it is wanted takes.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) leadership: Leadership,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) events: Events,
    pub(crate) metrics: Metrics,
    pub(crate) retries: Retries,
    /// Which Tags are to be looked at though nothing of them changed.
    pub(crate) attention: Arc<Attention>,
    pub(crate) looks: Looks,
    pub(crate) usage: Usage,
    /// The client that namespaces give their credentials to.
    pub(crate) registry: tagger_registry::Client,
    pub(crate) cache: Cache,
    pub(crate) mirrors: Mirrors,
    /// For copies.
    pub(crate) places: Arc<Places>,
    /// Generations that can't be copied any more.
    pub(crate) lost: Lost,
    /// What people asked for with `kubectl tag`.
    pub(crate) requests: Requests,
    pub(crate) tidier: Arc<Tidier>,
    /// By uid, the version of a Tag that a status was written over. A look at that version is a look at the past.
    pub(crate) written_over: Mutex<HashMap<String, String>>,
    /// The uids of Tags whose status was refused as a conflict, until they are looked at again for that.
    pub(crate) refused: Mutex<HashSet<String>>,
}

/// Why a Tag could not be brought to where it is wanted for now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server did not take the status.
    #[error("the status of the Tag could not be written: {0}")]
    Status(#[source] kube::Error),
    /// The API server did not let the specification be raised.
    #[error("spec.generation could not be raised, though the image has a new digest: {0}")]
    Raise(#[source] kube::Error),
    /// The API server did not let the note of a push be taken away.
    #[error("the annotation images.io/pushed could not be taken away: {0}")]
    Heard(#[source] kube::Error),
    /// Which generations are in use could not be found out, so none may go.
    #[error("which generations of the Tag are in use could not be found out: {0}")]
    Usage(#[source] UsageError),
    /// The API server hangs.
    #[error("the API server did not answer within {LONGEST:?}")]
    TooSlow,
}

/// How long the API server may take. Registries have limits of their own.
const LONGEST: Duration = Duration::from_secs(30);

impl Context {
    /// Notes that a registry told of a Tag. Says whether it is to be reconciled for that: a burst is one hint, and one that comes
    /// while the Tag waits for another try has it tried now, unless its registry asked to be left alone.
    pub(crate) fn hint(&self, tag: &Tag) -> bool {
        let is_news = self.attention.hint(uid(tag));
        self.retries.hurry(uid(tag)) || is_news
    }

    /// Gives up what is done for a Tag beside the looks at it.
    pub(super) fn drop_work(&self, tag: &Tag) {
        self.mirrors.no_copy(uid(tag));
        self.looks.done(uid(tag));
    }

    /// Forgets what is done for all Tags but these, by their uid.
    pub(crate) fn retain(&self, uids: &HashSet<String>) {
        self.mirrors.retain(uids);
        self.looks.retain(uids);
        self.attention.retain(uids);
        self.requests.retain(uids);
    }

    /// Begins anew, as a process that started now: what another one did meanwhile is not known. Gives the Tags, by their uid, whose
    /// hints had no answer yet.
    pub(crate) fn restart(&self) -> HashSet<String> {
        let open = self.attention.restart(Timestamp::now());
        self.retain(&HashSet::new());
        open
    }

    /// Forgets a Tag that is gone.
    pub(crate) fn forget(&self, tag: &Tag) {
        self.attention.forget(uid(tag));
        self.looks.done(uid(tag));
        self.credentials.forget(tag);
        self.retries.forget(uid(tag));
        self.mirrors.done(uid(tag));
        self.lost.forget(uid(tag));
        self.requests.forget(uid(tag));
        self.tidier.schedule.forget(uid(tag));
        self.written_over.lock().unwrap_or_else(PoisonError::into_inner).remove(uid(tag));
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(uid(tag));
    }
}

pub(super) async fn timely<T>(call: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(LONGEST, call).await.map_err(|_| Error::TooSlow)
}

pub(super) fn uid(tag: &Tag) -> &str {
    tag.metadata.uid.as_deref().unwrap_or_default()
}
