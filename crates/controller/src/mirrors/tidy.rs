//! Keeps a Tag's repository in the cache as its history is: the tag `current` where it belongs, and nothing that nobody needs.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use tagger_api::{Tag, TagStatus};
use tagger_core::generation::History;
use tagger_core::reference::{Digest, Registry, TagName};
use tagger_registry::{Client, Removal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::copies::Copies;
use super::prune::{Fate, fate, sort};
use super::removal::{Pruning, digest_of, named};
use super::schedule::{Layout, Schedule};
use crate::events::{Events, Tone};
use crate::retries::after;
use crate::usage::{Usage, UsageError};

/// How long a registry is not asked to remove anything, once it said that it does not.
const FORBIDDEN: Duration = Duration::from_secs(24 * 60 * 60);
/// How many repositories are tidied at once.
const AT_ONCE: usize = 4;
/// How long one may take: copies for the Tag wait meanwhile.
const LONGEST: Duration = Duration::from_secs(120);

/// Tidies the cache.
pub(crate) struct Tidier {
    events: Events,
    usage: Usage,
    tags: Store<Tag>,
    places: Arc<Semaphore>,
    /// When which repository is due.
    pub(crate) schedule: Schedule,
    forbidden: Mutex<HashMap<Registry, Timestamp>>,
}

/// Why a repository could not be tidied.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The cache did not do as it was asked.
    #[error(transparent)]
    Cache(#[from] tagger_registry::Error),
    /// What is in use could not be found out, so nothing may go.
    #[error("which images are in use could not be found out: {0}")]
    Usage(#[from] UsageError),
    /// It went on for too long.
    #[error("not done within {LONGEST:?}")]
    TooSlow,
}

impl Tidier {
    /// A tidier that reads the cluster's Tags from this store.
    pub(crate) fn new(events: Events, usage: Usage, tags: Store<Tag>) -> Self {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        Self { events, usage, tags, places, schedule: Schedule::default(), forbidden: Mutex::default() }
    }

    /// Whether a Tag is still there, and no other one in its stead.
    pub(crate) fn is_there(&self, tag: &ObjectRef<Tag>, uid: &str) -> bool {
        self.tags.get(tag).is_some_and(|tag| tag.metadata.uid.as_deref() == Some(uid))
    }

    /// A place for one more repository, if there is one.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Tidies a Tag's repository. What fails is logged, and tried again later.
    pub(crate) async fn run(
        &self,
        tag: ObjectRef<Tag>,
        uid: &str,
        layout: Layout,
        copies: &Copies,
        client: &Client,
    ) {
        let tidied = tokio::time::timeout(LONGEST, self.tidy(&tag, uid, copies, client)).await;
        match tidied.unwrap_or(Err(Problem::TooSlow)) {
            Ok(()) => self.schedule.is_tidy(uid, layout, Timestamp::now()),
            Err(error) => {
                let ObjectRef { namespace, name, .. } = &tag;
                tracing::warn!(namespace, name, %error, "the cache could not be tidied; trying again later");
                self.schedule.failed(uid, layout, Timestamp::now());
            }
        }
    }

    async fn tidy(
        &self,
        tag: &ObjectRef<Tag>,
        uid: &str,
        copies: &Copies,
        client: &Client,
    ) -> Result<(), Problem> {
        let Some(tag) = self.tags.get(tag).filter(|tag| tag.metadata.uid.as_deref() == Some(uid)) else {
            return Ok(());
        };
        let Some(status) = &tag.status else { return Ok(()) };
        point_current(status, copies, client).await?;
        let tags = client.tags(&copies.tagged(&TagName::latest())).await?;
        let sorted = sort(&tags, &status.references);
        if sorted.fallen.is_empty() || self.is_forbidden(copies.registry()) {
            return Ok(());
        }
        let mut own = digests(&status.references);
        own.extend(named(&sorted.staying, copies, client).await?.into_iter().map(|(_, digest)| digest));
        let fallen = named(&sorted.fallen, copies, client).await?;
        // Where only tags go, nobody needs to be asked.
        let used = match fallen.iter().all(|(_, digest)| own.contains(digest)) {
            true => HashSet::new(),
            false => self.used_elsewhere(uid).await?,
        };
        let mut kept = own.clone();
        kept.extend(fallen.iter().map(|(_, digest)| digest).filter(|digest| used.contains(*digest)).cloned());
        let repository = Pruning { copies, client, tags: &tags, kept: &kept, used: &used };
        for (name, digest) in fallen {
            let done = match fate(&digest, &own, &used) {
                Fate::Stays => continue,
                Fate::Untagged => {
                    // Where a tag can't be removed without what it names, it stays and does no harm.
                    client.remove(&copies.tagged(&name)).await?;
                    continue;
                }
                Fate::Removed => repository.remove(&name, &digest).await?,
            };
            if done == Removal::Unsupported {
                self.tell_forbidden(&tag, copies.registry());
                return Ok(());
            }
            if done == Removal::Removed {
                let (namespace, tag) = (tag.namespace(), tag.name_any());
                tracing::info!(namespace, name = tag, "removed {name}, {digest}, from the cache");
            }
        }
        Ok(())
    }

    /// What workloads and other Tags use.
    async fn used_elsewhere(&self, uid: &str) -> Result<HashSet<Digest>, Problem> {
        let mut used = self.usage.everywhere().await?;
        let others = self.tags.state_filter(|other| other.metadata.uid.as_deref() != Some(uid));
        let others = others.iter().filter_map(|other| other.status.as_ref());
        used.extend(others.flat_map(|other| digests(&other.references)));
        Ok(used)
    }

    fn is_forbidden(&self, registry: &Registry) -> bool {
        let forbidden = self.forbidden.lock().unwrap_or_else(PoisonError::into_inner);
        forbidden.get(registry).is_some_and(|since| after(*since, FORBIDDEN) > Timestamp::now())
    }

    /// Tells of a registry that removes nothing: once, and not for each of its images.
    fn tell_forbidden(&self, tag: &Tag, registry: &Registry) {
        let mut forbidden = self.forbidden.lock().unwrap_or_else(PoisonError::into_inner);
        if forbidden.insert(registry.clone(), Timestamp::now()).is_none() {
            let note = format!(
                "the cache {registry} forbids deletion, so that generations that fell out of the history stay there; allow it, to Tagger's user as well (for CNCF distribution: storage.delete.enabled), or remove them by hand. This is told once for all Tags"
            );
            tracing::warn!("{note}");
            self.events.tell(tag.object_ref(&()), Tone::Warning, "CacheForbidsDeletion", "Tidy", note);
        }
    }
}

/// Has the tag `current` name the current generation, where that is in the cache.
async fn point_current(status: &TagStatus, copies: &Copies, client: &Client) -> Result<(), Problem> {
    let digest = status.current().and_then(|current| {
        let digest = current.digest()?;
        (copies.reference(&digest).to_string() == current.image_reference).then_some(digest)
    });
    let (Some(digest), Some(tag)) = (digest, Copies::current()) else { return Ok(()) };
    let tagged = copies.tagged(&tag);
    if digest_of(&tagged, client).await? != Some(digest.clone()) {
        client.tag(&tagged.pinned(&digest), &tag).await?;
    }
    Ok(())
}

fn digests(history: &History) -> HashSet<Digest> {
    history.iter().filter_map(|known| known.digest()).collect()
}
