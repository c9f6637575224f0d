//! How fast workloads are rolled out: the API server has other users.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Turns that come at an even pace, whoever takes them. One that comes after a rest comes at once.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<Interval>);

impl Pace {
    /// So many turns a second; at least one.
    pub(crate) fn of(rate: u16) -> Self {
        let mut turns = interval(Duration::from_secs(1) / u32::from(rate.max(1)));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Mutex::new(turns))
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) {
        self.0.lock().await.tick().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

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
