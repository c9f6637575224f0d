//! Whose credentials an import is made with: those in the Secrets of the Tag's own namespace, and then the operator's.
//!
//! Secrets are read when an import needs them and forgotten within seconds. They are never watched, and those of one namespace
//! are never given to an import of another.

mod held;
mod listing;
mod told;

use std::sync::Arc;
use std::time::Duration;

use kube::Resource;
use moka::future::Cache;
use tagger_api::Tag;
use tagger_registry::Fault;
use tokio::sync::Semaphore;

use crate::events::{Events, Tone};
use held::Held;
use told::Told;

/// For how long what a namespace holds is believed: long enough that its Tags that import at once ask once.
const BELIEVED: Duration = Duration::from_secs(5);
/// How many credentials are kept for that long, of all namespaces together.
const KEPT: u64 = 16 * 1024;
/// How many namespaces are read at once: each may bring a page of large Secrets into memory.
const AT_ONCE: usize = 4;

/// Gives each namespace a client with its credentials.
pub(crate) struct Credentials {
    client: kube::Client,
    registry: tagger_registry::Client,
    events: Events,
    memo: Cache<String, Arc<Held>>,
    places: Semaphore,
    told: Told,
}

/// What an import is made with.
pub(crate) struct Access {
    /// The client of registries that shows the namespace's credentials first, and the operator's after them.
    pub(crate) client: tagger_registry::Client,
    namespace: String,
    held: Arc<Held>,
}

impl Access {
    /// Why nobody can say now what may be read with this access: it may pass, and what is refused now may be let in then.
    pub(crate) fn uncertainty(&self) -> Option<String> {
        let lack = self.held.passing_lack()?;
        Some(format!("the Secrets of namespace {} {lack}", self.namespace))
    }
}

impl Credentials {
    /// Credentials read with this client, and shown by that one.
    pub(crate) fn new(client: kube::Client, registry: tagger_registry::Client, events: Events) -> Self {
        let weight = |_: &String, held: &Arc<Held>| u32::try_from(held.config.len() + 1).unwrap_or(u32::MAX);
        let memo = Cache::builder().max_capacity(KEPT).weigher(weight).time_to_live(BELIEVED).build();
        Self { client, registry, events, memo, places: Semaphore::new(AT_ONCE), told: Told::default() }
    }

    /// What a Tag is imported with. Secrets of its namespace that are damaged are told on it, once.
    pub(crate) async fn of(&self, tag: &Tag) -> Access {
        let namespace = tag.metadata.namespace.clone().unwrap_or_default();
        let read = async {
            let _place = self.places.acquire().await;
            Arc::new(Held::from(listing::list(&self.client, &namespace).await))
        };
        let held = self.memo.get_with_by_ref(&namespace, read).await;
        let damages = held.damages();
        if self.told.is_news(tag, damages.as_deref())
            && let Some(note) = damages
        {
            self.events.tell(tag.object_ref(&()), Tone::Warning, "CredentialsInvalid", "Import", note);
        }
        Access { client: self.registry.with_keychain(held.config.clone()), namespace, held }
    }

    /// What is to be said of an import that failed with this access. Where it was for want of credentials, those that were
    /// read are dropped, so that a Secret that is mended counts for the next try.
    pub(crate) async fn failed(&self, access: &Access, error: &tagger_registry::Error) -> String {
        if !matches!(error.fault(), Fault::Unauthorized { .. }) {
            return error.to_string();
        }
        let Access { namespace, held, .. } = access;
        // Another one's, read since, stays: of a hundred Tags that fail at once, the first drops it for all.
        if self.memo.get(namespace).await.is_some_and(|now| Arc::ptr_eq(&now, held)) {
            self.memo.invalidate(namespace).await;
        }
        let remedy = format!(
            "{error}; put them into a Secret of type {} in namespace {namespace}",
            listing::Form::Json.secret_type()
        );
        let lack = held.lack.as_ref().map(|lack| format!("the Secrets there {lack}"));
        [Some(remedy), lack, held.damages()].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// Forgets a Tag that is gone.
    pub(crate) fn forget(&self, tag: &Tag) {
        self.told.forget(tag);
    }
}
