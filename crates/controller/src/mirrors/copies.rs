//! Where the copies of a Tag's images are, and how one gets there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tagger_core::reference::{Digest, Reference, Registry, Repository, TagName};
use tagger_registry::{Client, CopyError, CopyOptions, Destination, Progress};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Failure, Tally};
use crate::cache::{CachePlace, CacheProblem};
use crate::credentials::{Access, Credentials};
use crate::metrics;

/// The tag of the copy of the generation that workloads use now.
pub(super) const CURRENT: &str = "current";

/// How long a copy may take. The next try goes on with what is there.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// Any digest, to ask for a place by.
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// Where the copies of one Tag's images are.
#[derive(Clone, Debug)]
pub(crate) struct Copies {
    pub(crate) place: CachePlace,
    repository: Repository,
    name: Reference,
}

impl Copies {
    /// The place of a Tag in the cache.
    pub(crate) fn of(place: CachePlace, namespace: &str, tag: &str) -> Result<Self, CacheProblem> {
        let name =
            |problem: &dyn ToString| CacheProblem::Name { tag: tag.to_owned(), problem: problem.to_string() };
        let digest: Digest = NO_DIGEST.parse().map_err(|problem| name(&problem))?;
        let repository = place.repository(namespace, tag)?;
        let name = place.reference(namespace, tag, &digest)?;
        Ok(Self { place, repository, name })
    }

    /// The copy with this digest, as nodes pull it.
    pub(crate) fn reference(&self, digest: &Digest) -> Reference {
        self.name.pinned(digest)
    }

    /// The repository, as nodes name it.
    pub(crate) fn name(&self) -> String {
        let name = self.name.to_string();
        name.split_once('@').map(|(name, _)| name.to_owned()).unwrap_or(name)
    }

    /// The registry that is pushed to.
    pub(crate) fn registry(&self) -> &Registry {
        self.place.registry()
    }

    /// What has this tag in the cache, as it is pushed to.
    pub(crate) fn tagged(&self, tag: &TagName) -> Reference {
        Reference::tagged(self.registry().clone(), self.repository.clone(), tag.clone())
    }

    /// The tags of a generation.
    pub(crate) fn tags(number: i64, is_current: bool) -> Vec<TagName> {
        let current = is_current.then(Self::current).flatten();
        format!("g{number}").parse().ok().into_iter().chain(current).collect()
    }

    /// The tag of the current generation.
    pub(crate) fn current() -> Option<TagName> {
        CURRENT.parse().ok()
    }

    /// Where a generation is copied to.
    pub(crate) fn destination(&self, tags: Vec<TagName>) -> Destination {
        Destination { registry: self.registry().clone(), repository: self.repository.clone(), tags }
    }
}

/// How many copies are under way at once: from each registry, and in all. A registry that hangs does not take all places.
pub(crate) struct Places {
    at_once: usize,
    of: Mutex<HashMap<Option<Registry>, Arc<Semaphore>>>,
    all: Arc<Semaphore>,
}

/// How many registries may have all of their places taken before others wait.
const REGISTRIES: usize = 4;

impl Places {
    /// Places for this many copies from each registry.
    pub(crate) fn new(at_once: usize) -> Self {
        Self {
            at_once,
            of: Mutex::default(),
            all: Arc::new(Semaphore::new(at_once.saturating_mul(REGISTRIES))),
        }
    }

    /// Waits for a place for a copy from there.
    pub(crate) async fn take(&self, source: &Reference) -> [Option<OwnedSemaphorePermit>; 2] {
        // The semaphores are never closed.
        let of = self.of(source.registry()).acquire_owned().await.ok();
        [of, self.all.clone().acquire_owned().await.ok()]
    }

    fn of(&self, registry: Option<&Registry>) -> Arc<Semaphore> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        of.entry(registry.cloned()).or_insert_with(|| Arc::new(Semaphore::new(self.at_once))).clone()
    }
}

/// One copy, ready to be made.
pub(crate) struct Copying {
    pub(crate) source: Reference,
    pub(crate) access: Access,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) to: Client,
    pub(crate) destination: Destination,
}

impl Copying {
    /// Copies, and counts how far it is. It may be dropped at any time: what is there by then is found by the next try.
    pub(crate) async fn run(self, tally: Arc<Tally>, copy: metrics::Copy) -> Result<(), Failure> {
        let copy = Arc::new(copy);
        let outcome = self.make(tally, copy.clone()).await;
        copy.ended(outcome.as_ref().err().map(|failure| failure.reason));
        outcome
    }

    async fn make(&self, tally: Arc<Tally>, counted: Arc<metrics::Copy>) -> Result<(), Failure> {
        let note = move |step| {
            tally.note(step);
            if let Progress::Passed(bytes) = step {
                counted.passed(bytes);
            }
        };
        let options = CopyOptions { referrers: true, progress: Some(Arc::new(note)) };
        let copy = self.access.client.copy(&self.source, &self.to, &self.destination, &options);
        match tokio::time::timeout(LONGEST, copy).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(CopyError::Source(error))) => {
                let message = self.credentials.failed(&self.access, &error).await;
                Err(Failure { message, ..Failure::of_source(&error) })
            }
            Ok(Err(CopyError::Destination(error))) => Err(Failure::of_cache(&error, &self.destination)),
            Err(_) => Err(Failure::too_slow(&self.source, LONGEST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_its_own_repository_and_each_generation_a_tag_there() {
        let place = CachePlace::new(
            "cache.internal:5000/m".parse().unwrap(),
            "localhost:32000".parse().unwrap(),
            true,
        );
        let copies = Copies::of(place, "dev", "myapp").unwrap();
        assert_eq!(copies.name(), "localhost:32000/dev/myapp");
        let digest: Digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        assert_eq!(copies.reference(&digest).to_string(), format!("localhost:32000/dev/myapp@{digest}"));
        let tags = |current| Copies::tags(7, current).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!((tags(false), tags(true)), (vec!["g7".into()], vec!["g7".into(), "current".to_owned()]));
        let tagged = copies.tagged(&Copies::current().unwrap());
        assert_eq!(tagged.to_string(), "cache.internal:5000/m/dev/myapp:current");
    }

    #[tokio::test]
    async fn a_registry_that_hangs_leaves_places_for_the_others() {
        let places = Places::new(1);
        let (hanging, other): (Reference, Reference) =
            ("quay.io/a".parse().unwrap(), "ghcr.io/a".parse().unwrap());
        let _held = places.take(&hanging).await;
        let again = tokio::time::timeout(Duration::from_millis(20), places.take(&hanging)).await;
        assert!(again.is_err());
        assert!(places.take(&other).await.iter().all(Option::is_some));
    }
}
