//! Whether the runtime still gets to its tasks: one of them says so every second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often it beats.
const EVERY: Duration = Duration::from_secs(1);
/// For how long it may not beat. A machine that is very busy is no reason to start anew, which would make it busier.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pulse of a runtime. It has nothing to do with the API server: nobody is better off for a restart where that is away.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    begun: Instant,
    /// When it beat last, in milliseconds from the beginning.
    last: Arc<AtomicU64>,
    patience: Duration,
}

impl Pulse {
    /// The pulse of the runtime that this is called in.
    pub(crate) fn start() -> Self {
        let pulse = Self::with(PATIENCE);
        let beating = pulse.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                beating.beat();
            }
        });
        pulse
    }

    fn with(patience: Duration) -> Self {
        Self { begun: Instant::now(), last: Arc::default(), patience }
    }

    fn beat(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Whether it beat not long ago.
    pub(super) fn beats(&self) -> Result<String, String> {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        let silent = self.begun.elapsed().saturating_sub(last);
        match silent > self.patience {
            false => Ok(String::new()),
            true => Err(format!(
                "no task has had its turn for {} s; please report this, with the log",
                silent.as_secs()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_is_stuck_has_no_pulse_and_one_that_works_has() {
        let pulse = Pulse::with(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(5));
        assert!(pulse.beats().unwrap_err().contains("no task has had its turn"));
        let patient = Pulse { patience: PATIENCE, ..pulse };
        patient.beat();
        assert_eq!(patient.beats(), Ok(String::new()));
    }

    #[test]
    fn a_task_that_never_gives_way_stops_the_pulse_of_its_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stuck, patience) = (Duration::from_millis(300), Duration::from_millis(100));
        let pulse = runtime.block_on(async {
            let pulse = Pulse { patience, ..Pulse::start() };
            tokio::task::yield_now().await;
            let outside = pulse.clone();
            let seen = std::thread::spawn(move || {
                std::thread::sleep(patience * 2);
                outside.beats()
            });
            std::thread::sleep(stuck);
            seen.join().unwrap()
        });
        assert!(pulse.is_err(), "{pulse:?}");
    }
}
