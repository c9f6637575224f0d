//! Long work on the images of Tags, done beside the looks at them: copies into the cache, and the tidying up there.
//!
//! A look starts a job, or finds it running, or takes what came of it; none waits for one. A Tag has one job at a time, so that
//! nothing is removed from its repository in the cache while something is copied there. When a job ends, its Tag is looked at
//! again. Jobs live in memory only: after a crash the next look starts anew, and finds in the cache what was copied already.

mod copies;
mod failure;
mod lost;
mod progress;
mod prune;
mod removal;
mod schedule;
mod tidy;

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use kube::runtime::reflector::ObjectRef;
use tagger_api::Tag;
use tagger_core::generation::Generation;
use tagger_core::reference::Digest;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::leadership::Leadership;

pub(crate) use copies::{Copies, Copying, Places};
pub(crate) use failure::Failure;
pub(crate) use lost::Lost;
use progress::Told;
pub(crate) use progress::{News, Tally};
pub(crate) use schedule::Layout;
pub(crate) use tidy::Tidier;

/// What a job is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// A new generation is copied before it is there.
    Import {
        /// The number that it gets.
        number: i64,
        /// What it was seen to be. Where a later look sees something else, a copy of this is not what was asked for.
        digest: Digest,
        /// Where the Tag imports from.
        from: String,
        /// The repository of the copy, as nodes name it.
        to: String,
    },
    /// A generation that is there is copied.
    Mirror {
        /// Its number.
        number: i64,
        /// Where it is copied from.
        from: String,
        /// The repository of the copy, as nodes name it.
        to: String,
    },
    /// What a person put into the cache is looked for there, and gets the tags of its generation.
    Upload {
        /// The number that it gets.
        number: i64,
        /// What was put there.
        digest: Digest,
        /// The repository, as nodes name it.
        to: String,
    },
    /// What nobody needs any more is removed from the cache.
    Tidy,
}

/// What came of a copy: the generation as it is to be published, or why there is none.
pub(crate) type Outcome = Result<Generation, Failure>;

/// What a look finds of the job that it wants.
#[derive(Debug)]
pub(crate) enum Found {
    /// There is none, and one may be started.
    Nothing,
    /// It has been under way for so long, or another one has that must end first. The Tag is looked at again then.
    Busy(Duration),
    /// It has ended. It is known until [`Mirrors::done`].
    Ended(Outcome),
}

/// The jobs under way, and those that ended and were not taken note of, by the uid of their Tag.
#[derive(Clone)]
pub(crate) struct Mirrors {
    table: Arc<Mutex<Table>>,
    leadership: Leadership,
    ended: mpsc::UnboundedSender<ObjectRef<Tag>>,
}

#[derive(Default)]
struct Table {
    jobs: HashMap<String, Job>,
    count: u64,
    /// When the next telling of a copy may be.
    free: Option<Instant>,
}

struct Job {
    count: u64,
    errand: Errand,
    started: Instant,
    outcome: Option<Outcome>,
    tally: Arc<Tally>,
    told: Told,
    /// Ends the job when it is dropped.
    _task: AbortOnDropHandle<()>,
}

impl Mirrors {
    /// No jobs. They go on for as long as this process leads. The Tags whose jobs end are sent to `ended`.
    pub(crate) fn new(leadership: Leadership, ended: mpsc::UnboundedSender<ObjectRef<Tag>>) -> Self {
        Self { table: Arc::default(), leadership, ended }
    }

    /// Looks for a job. A copy for anything else is ended.
    pub(crate) fn look(&self, uid: &str, errand: &Errand) -> Found {
        let mut table = self.table();
        let Some(job) = table.jobs.get(uid) else { return Found::Nothing };
        match &job.outcome {
            Some(outcome) if job.errand == *errand => Found::Ended(outcome.clone()),
            None if job.errand == *errand || job.errand == Errand::Tidy => Found::Busy(job.started.elapsed()),
            _ => {
                table.jobs.remove(uid);
                Found::Nothing
            }
        }
    }

    /// Starts a job, which counts how far it is in a tally. Work that gives nothing is forgotten when it ends.
    pub(crate) fn start(
        &self,
        tag: &Tag,
        errand: Errand,
        tally: Arc<Tally>,
        work: impl Future<Output = Option<Outcome>> + Send + 'static,
    ) {
        let uid = tag.metadata.uid.clone().unwrap_or_default();
        let mut table = self.table();
        table.count += 1;
        let count = table.count;
        let (mirrors, reference) = (self.clone(), ObjectRef::from_obj(tag));
        let key = uid.clone();
        let task = tokio::spawn(async move {
            let work = AssertUnwindSafe(mirrors.leadership.while_leading(work)).catch_unwind().await;
            let outcome = work.map(Option::flatten).unwrap_or_else(|_| Some(Err(Failure::internal())));
            mirrors.end(&key, count, outcome);
            mirrors.wake(reference);
        });
        let job = Job {
            count,
            errand,
            started: Instant::now(),
            outcome: None,
            tally,
            told: Told::default(),
            _task: AbortOnDropHandle::new(task),
        };
        table.jobs.insert(uid, job);
    }

    /// Has a Tag looked at again: its copy has its turn.
    pub(crate) fn wake(&self, tag: ObjectRef<Tag>) {
        // Nobody listens only while everything is being shut down.
        let _ = self.ended.send(tag);
    }

    /// What there is to tell of a Tag's copy under way.
    pub(crate) fn news(&self, uid: &str) -> News {
        let mut table = self.table();
        let Table { jobs, free, .. } = &mut *table;
        match jobs.get_mut(uid).filter(|job| job.errand != Errand::Tidy) {
            Some(Job { told, tally, .. }) => told.news(tally, free, Instant::now()),
            None => News::Unbegun,
        }
    }

    fn end(&self, uid: &str, count: u64, outcome: Option<Outcome>) {
        let mut table = self.table();
        let Some(job) = table.jobs.get_mut(uid).filter(|job| job.count == count) else { return };
        match outcome {
            Some(outcome) if job.errand != Errand::Tidy => job.outcome = Some(outcome),
            _ => drop(table.jobs.remove(uid)),
        }
    }

    /// Takes note of what came of a Tag's job.
    pub(crate) fn done(&self, uid: &str) {
        self.table().jobs.remove(uid);
    }

    /// Ends a Tag's copy, which is not wanted any more.
    pub(crate) fn no_copy(&self, uid: &str) {
        let mut table = self.table();
        if table.jobs.get(uid).is_some_and(|job| job.errand != Errand::Tidy) {
            table.jobs.remove(uid);
        }
    }

    /// Ends the jobs of all Tags but these.
    pub(crate) fn retain(&self, uids: &HashSet<String>) {
        self.table().jobs.retain(|uid, _| uids.contains(uid));
    }

    /// Ends every job.
    pub(crate) fn stop(&self) {
        self.table().jobs.clear();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leadership::Moment;
    use futures::future::pending;
    use tagger_api::TagSpec;
    use tokio_util::sync::CancellationToken;

    fn tag() -> Tag {
        let mut tag = Tag::new("myapp", TagSpec::default());
        tag.metadata.uid = Some("uid".into());
        tag
    }

    fn import(number: i64) -> Errand {
        seen(number, 0)
    }

    fn seen(number: i64, image: u8) -> Errand {
        let digest = format!("sha256:{image:064x}").parse().unwrap();
        let (from, to) = ("quay.io/a/b:latest".into(), "cache.internal/dev/b".into());
        Errand::Import { number, digest, from, to }
    }

    fn mirrors() -> (Mirrors, mpsc::UnboundedReceiver<ObjectRef<Tag>>) {
        let (ended, endings) = mpsc::unbounded_channel();
        let leadership = Leadership::default();
        leadership.lead(Moment::now(), Duration::from_secs(3600));
        (Mirrors::new(leadership, ended), endings)
    }

    fn hanging() -> (CancellationToken, impl Future<Output = Option<Outcome>> + Send) {
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        (ended, async move {
            let _guard = guard;
            pending().await
        })
    }

    #[tokio::test]
    async fn a_job_is_found_while_it_runs_and_what_came_of_it_until_that_was_noted() {
        let (mirrors, mut endings) = mirrors();
        assert!(matches!(mirrors.look("uid", &import(0)), Found::Nothing));
        let go = CancellationToken::new();
        let wait = go.clone();
        mirrors.start(&tag(), import(0), Arc::default(), async move {
            wait.cancelled().await;
            Some(Err(Failure::internal()))
        });
        assert!(matches!(mirrors.look("uid", &import(0)), Found::Busy(_)));
        go.cancel();
        assert_eq!(endings.recv().await.unwrap().name, "myapp");
        for _ in 0..2 {
            assert!(matches!(mirrors.look("uid", &import(0)), Found::Ended(Err(_))));
        }
        mirrors.done("uid");
        assert!(matches!(mirrors.look("uid", &import(0)), Found::Nothing));
    }

    #[tokio::test]
    async fn a_copy_that_is_wanted_no_more_ends_at_once() {
        let (mirrors, _endings) = mirrors();
        let ends: [fn(&Mirrors); 5] = [
            |mirrors| drop(mirrors.look("uid", &import(1))),
            |mirrors| drop(mirrors.look("uid", &seen(0, 1))),
            |mirrors| mirrors.no_copy("uid"),
            |mirrors| mirrors.retain(&HashSet::new()),
            Mirrors::stop,
        ];
        for end in ends {
            let (ended, work) = hanging();
            mirrors.start(&tag(), import(0), Arc::default(), work);
            end(&mirrors);
            tokio::time::timeout(Duration::from_secs(9), ended.cancelled()).await.unwrap();
            assert!(matches!(mirrors.look("uid", &import(1)), Found::Nothing));
        }
    }

    #[tokio::test]
    async fn a_copy_waits_until_the_cache_was_tidied() {
        let (mirrors, mut endings) = mirrors();
        let go = CancellationToken::new();
        let wait = go.clone();
        mirrors.start(&tag(), Errand::Tidy, Arc::default(), async move {
            wait.cancelled().await;
            None
        });
        mirrors.no_copy("uid");
        assert!(matches!(mirrors.look("uid", &import(0)), Found::Busy(_)));
        go.cancel();
        endings.recv().await.unwrap();
        assert!(matches!(mirrors.look("uid", &import(0)), Found::Nothing));
    }

    #[tokio::test]
    async fn a_job_takes_no_step_more_when_another_replica_leads() {
        let (mirrors, mut endings) = mirrors();
        let (go, pushed) = (CancellationToken::new(), CancellationToken::new());
        let (wait, push) = (go.clone(), pushed.clone());
        mirrors.start(&tag(), import(0), Arc::default(), async move {
            wait.cancelled().await;
            push.cancel();
            None
        });
        tokio::task::yield_now().await;
        mirrors.leadership.follow();
        go.cancel();
        endings.recv().await.unwrap();
        assert!(!pushed.is_cancelled());
    }

    #[tokio::test]
    async fn a_job_that_panics_has_failed() {
        let (mirrors, mut endings) = mirrors();
        mirrors.start(&tag(), import(0), Arc::default(), async { panic!("an error of ours") });
        endings.recv().await.unwrap();
        assert!(matches!(mirrors.look("uid", &import(0)), Found::Ended(Err(_))));
    }
}
