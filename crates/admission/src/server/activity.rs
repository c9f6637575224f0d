//! Whether a connection is of use: when it had its last request, or began.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What a connection was used for until now.
#[derive(Clone, Debug)]
pub struct Activity(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    active: usize,
    was_used: bool,
    since: Instant,
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Active(Activity);

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { active: 0, was_used: false, since: Instant::now() })))
    }
}

impl Activity {
    /// Notes that a request has begun; it ends when what is returned is dropped.
    pub fn begin(&self) -> Active {
        let mut state = self.state();
        state.active += 1;
        state.was_used = true;
        Active(self.clone())
    }

    /// Whether there was a request at all.
    pub fn was_used(&self) -> bool {
        self.state().was_used
    }

    /// Whether there is a request now.
    pub fn is_active(&self) -> bool {
        self.state().active > 0
    }

    /// Resolves when the first request, or the next one, is overdue.
    pub async fn overdue(&self, first: Duration, idle: Duration) {
        loop {
            let (due, is_active) = {
                let state = self.state();
                let patience = if state.was_used { idle } else { first };
                (state.since + patience, state.active > 0)
            };
            match (is_active, due <= Instant::now()) {
                (false, true) => return,
                (false, false) => sleep_until(due).await,
                (true, _) => sleep_until(Instant::now() + idle).await,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.active -= 1;
        state.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{sleep, timeout};

    const FIRST: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(120);

    async fn is_overdue_after(activity: &Activity, time: Duration) -> bool {
        timeout(time, activity.overdue(FIRST, IDLE)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_has_less_time_than_the_next() {
        let activity = Activity::default();
        assert!(!is_overdue_after(&activity, Duration::from_secs(9)).await);
        drop(activity.begin());
        assert!(!is_overdue_after(&activity, Duration::from_secs(119)).await);
        assert!(is_overdue_after(&activity, Duration::from_secs(2)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_answers_is_not_idle() {
        let activity = Activity::default();
        let active = activity.begin();
        assert!(!is_overdue_after(&activity, Duration::from_secs(600)).await);
        drop(active);
        sleep(Duration::from_secs(60)).await;
        assert!(!is_overdue_after(&activity, Duration::from_secs(30)).await);
        assert!(is_overdue_after(&activity, Duration::from_secs(120)).await);
    }
}
