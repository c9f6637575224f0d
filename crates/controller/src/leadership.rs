//! Whether this process is the one that reconciles, of the replicas that all answer admission.
//!
//! Who elects tells it here. Work that is the leader's alone runs under it: before each of its steps the time of the lease is looked at
//! again, so that a leader that was paused finds its time over before it writes, by whichever clock saw the pause.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use futures::Stream;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A moment by two clocks: one that nobody sets, and one that goes on while the machine is suspended.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }

    /// How much time went by since another moment, by the clock that says more.
    pub fn since(self, earlier: Self) -> Duration {
        let steady = self.steady.saturating_duration_since(earlier.steady);
        // A clock that was set back says nothing.
        self.wall.duration_since(earlier.wall).map_or(steady, |wall| wall.max(steady))
    }
}

/// The leadership of this process. Clones are one.
#[derive(Clone, Debug)]
pub struct Leadership(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tenure: Mutex<Option<Tenure>>,
    /// Whether this process leads, as it was told last. Each change is a turn, and each term that begins.
    turns: watch::Sender<bool>,
    work: TaskTracker,
}

#[derive(Clone, Copy, Debug)]
struct Tenure {
    since: Moment,
    lasts: Duration,
    /// What is under way may be finished, and nothing begun.
    ends: bool,
}

impl Tenure {
    fn is_over(self) -> bool {
        Moment::now().since(self.since) >= self.lasts
    }
}

impl Default for Leadership {
    fn default() -> Self {
        let work = TaskTracker::new();
        work.close();
        Self(Arc::new(Inner { tenure: Mutex::default(), turns: watch::Sender::new(false), work }))
    }
}

impl Leadership {
    /// Has this process lead until so long after a moment: that at which the request began that renewed the lease. Says whether a term
    /// begins with it.
    pub fn lead(&self, since: Moment, lasts: Duration) -> bool {
        let before = self.tenure().replace(Tenure { since, lasts, ends: false });
        // A renewal that comes too late begins a term: meanwhile work may have been turned away, which waits for one.
        let begins = before.is_none_or(Tenure::is_over);
        self.0.turns.send_if_modified(|leads| {
            *leads = true;
            begins
        });
        begins
    }

    /// Has this process begin nothing more, and waits for what is under way, so long at most.
    pub async fn finish(&self, patience: Duration) {
        if let Some(tenure) = self.tenure().as_mut() {
            tenure.ends = true;
        }
        // What is not finished then is given up by `follow`.
        let _ = tokio::time::timeout(patience, self.0.work.wait()).await;
    }

    /// Has this process lead no more.
    pub fn follow(&self) {
        *self.tenure() = None;
        self.0.turns.send_if_modified(|leads| std::mem::replace(leads, false));
    }

    /// Whether this process leads at this moment.
    pub fn leads(&self) -> bool {
        let mut tenure = self.tenure();
        // What was found over stays so, whatever a clock says afterwards.
        *tenure = tenure.filter(|tenure| !tenure.is_over());
        tenure.is_some()
    }

    /// Tells whenever it changes whether this process leads.
    pub(crate) fn turns(&self) -> watch::Receiver<bool> {
        self.0.turns.subscribe()
    }

    /// Does a piece of work, if this process leads, and for as long as it does: a hand-over that is planned waits for it.
    pub(crate) async fn work<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let _under_way = self.begin()?;
        self.while_leading(work).await
    }

    /// Does a piece of work for as long as this process leads. The lease is looked at before each of its steps.
    pub(crate) async fn while_leading<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        std::future::poll_fn(|task| match self.leads() {
            true => work.as_mut().poll(task).map(Some),
            false => Poll::Ready(None),
        })
        .await
    }

    fn begin(&self) -> Option<TaskTrackerToken> {
        let tenure = self.tenure();
        tenure.filter(|tenure| !tenure.ends).map(|_| self.0.work.token())
    }

    fn tenure(&self) -> MutexGuard<'_, Option<Tenure>> {
        self.0.tenure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sign for each term that begins, until nobody can lead any more.
pub(crate) fn terms(turns: watch::Receiver<bool>) -> impl Stream<Item = ()> + Send + 'static {
    futures::stream::unfold(turns, async |mut turns| {
        loop {
            turns.changed().await.ok()?;
            if *turns.borrow_and_update() {
                return Some(((), turns));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_util::sync::CancellationToken;

    const HOUR: Duration = Duration::from_secs(3600);

    fn leading() -> Leadership {
        let leadership = Leadership::default();
        leadership.lead(Moment::now(), HOUR);
        leadership
    }

    #[test]
    fn a_moment_is_as_long_ago_as_the_clock_says_that_says_more() {
        let earlier = Moment::now();
        let (steady, wall) = (earlier.steady, earlier.wall);
        assert_eq!(Moment { steady: steady + HOUR, wall }.since(earlier), HOUR);
        assert_eq!(Moment { steady, wall: wall + HOUR }.since(earlier), HOUR, "suspended");
        assert_eq!(Moment { steady: steady + HOUR, wall: wall - HOUR }.since(earlier), HOUR, "set back");
    }

    #[tokio::test]
    async fn nobody_works_who_was_not_told_to_lead() {
        let leadership = Leadership::default();
        assert_eq!(leadership.work(async { 1 }).await, None);
        leadership.lead(Moment::now(), HOUR);
        assert_eq!(leadership.work(async { 1 }).await, Some(1));
        leadership.follow();
        assert_eq!(leadership.work(async { 1 }).await, None);
    }

    #[tokio::test]
    async fn work_ends_before_the_step_that_comes_after_the_lease() {
        let leadership = leading();
        let mut wrote = false;
        let work = leadership.work(async {
            tokio::task::yield_now().await;
            let paused = Moment::now();
            let earlier = Moment { steady: paused.steady, wall: paused.wall - HOUR };
            leadership.lead(earlier, HOUR);
            tokio::task::yield_now().await;
            wrote = true;
        });
        assert_eq!(work.await, None);
        assert!(!wrote && !leadership.leads());
    }

    #[tokio::test]
    async fn a_planned_end_waits_for_what_is_under_way_and_lets_nothing_begin() {
        let leadership = leading();
        let go_on = CancellationToken::new();
        let working = tokio::spawn({
            let (leadership, go_on) = (leadership.clone(), go_on.clone());
            async move { leadership.work(go_on.cancelled()).await }
        });
        tokio::task::yield_now().await;
        let finishing = tokio::spawn({
            let leadership = leadership.clone();
            async move { leadership.finish(HOUR).await }
        });
        tokio::task::yield_now().await;
        assert!(!finishing.is_finished());
        assert_eq!(leadership.work(async { 1 }).await, None, "nothing begins");
        go_on.cancel();
        assert_eq!(working.await.unwrap(), Some(()));
        finishing.await.unwrap();
    }

    #[tokio::test]
    async fn each_term_is_told_once() {
        use futures::{FutureExt, StreamExt};
        let leadership = Leadership::default();
        let mut told = std::pin::pin!(terms(leadership.turns()));
        for _ in 0..2 {
            leadership.lead(Moment::now(), HOUR);
            leadership.lead(Moment::now(), HOUR);
            assert_eq!(told.next().now_or_never(), Some(Some(())));
            assert_eq!(told.next().now_or_never(), None);
            leadership.follow();
            assert_eq!(told.next().now_or_never(), None);
        }
    }

    /// Work that was turned away before the renewal waits for a term to begin.
    #[rstest::rstest]
    #[case::work_was_turned_away(true)]
    #[case::nobody_looked(false)]
    #[tokio::test]
    async fn a_renewal_that_comes_too_late_begins_a_term(#[case] looked: bool) {
        use futures::{FutureExt, StreamExt};
        let leadership = Leadership::default();
        let mut told = std::pin::pin!(terms(leadership.turns()));
        assert!(leadership.lead(Moment::now(), Duration::ZERO));
        assert_eq!(told.next().now_or_never(), Some(Some(())));
        if looked {
            assert_eq!(leadership.work(async { 1 }).await, None);
        }
        assert!(leadership.lead(Moment::now(), HOUR));
        assert_eq!(told.next().now_or_never(), Some(Some(())));
        assert_eq!(leadership.work(async { 1 }).await, Some(1));
        assert!(!leadership.lead(Moment::now(), HOUR), "one in time goes on with its term");
        assert_eq!(told.next().now_or_never(), None);
    }
}
