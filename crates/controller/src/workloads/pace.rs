//! How fast workloads are rolled out: the API server has other users.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Turns that come at an even pace, whoever takes them. One that comes after a rest comes at once.
#[derive(Debug)]
pub(crate) struct Pace {
    gap: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many turns a second; at least one.
    pub(crate) fn of(rate: u16) -> Self {
        Self { gap: Duration::from_secs(1) / u32::from(rate.max(1)), next: Mutex::default() }
    }

    /// Waits for a turn. One that is not waited for to the end is lost.
    pub(crate) async fn turn(&self) {
        sleep_until(self.take(Instant::now())).await;
    }

    fn take(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.map_or(now, |next| next.max(now));
        *next = Some(turn + self.gap);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_evenly_and_the_first_one_after_a_rest_at_once() {
        let pace = Pace::of(100);
        let start = Instant::now();
        for number in 0..5 {
            pace.turn().await;
            assert_eq!(start.elapsed(), Duration::from_millis(10) * number);
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        pace.turn().await;
        assert_eq!(start.elapsed(), Duration::ZERO, "a rest");
        pace.turn().await;
        assert_eq!(start.elapsed(), Duration::from_millis(10), "a rest lets nobody hurry");
    }
}
