//! How often a registry is asked: pure, with time as an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Fills by so many tokens a second, up to its size; each request takes one.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    rate: f64,
    size: f64,
    tokens: f64,
    /// When it had that many.
    at: Instant,
}

impl Bucket {
    /// A full one; none where there is no rate to hold to.
    pub(super) fn full(rate: u32, size: u32, now: Instant) -> Option<Self> {
        let (rate, size) = (f64::from(rate), f64::from(size.max(1)));
        (rate > 0.0).then_some(Self { rate, size, tokens: size, at: now })
    }

    /// Takes a token and leaves at least this share of the bucket's size; or says how long until that can be.
    pub(super) fn take(&mut self, now: Instant, spared: f64) -> Result<(), Duration> {
        self.fill(now);
        // The smallest of buckets has one token, which nobody could take and leave some.
        let wanted = (1.0 + self.size * spared).min(self.size);
        if self.tokens < wanted {
            let wait = ((wanted - self.tokens) / self.rate).min(MAX_WAIT);
            return Err(Duration::from_secs_f64(wait).max(Duration::from_millis(1)));
        }
        self.tokens -= 1.0;
        Ok(())
    }

    /// Puts a token back that was not used.
    pub(super) fn put_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.size);
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.rate).min(self.size);
        self.at = self.at.max(now);
    }
}

/// The longest wait that is told, in seconds.
const MAX_WAIT: f64 = 3600.0;

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// How many may be taken at once.
    fn taken(bucket: &mut Bucket, now: Instant, spared: f64) -> usize {
        (0..10_000).take_while(|_| bucket.take(now, spared).is_ok()).count()
    }

    #[test]
    fn the_whole_burst_goes_at_once_and_then_the_rate() {
        let now = Instant::now();
        let mut bucket = Bucket::full(500, 2000, now).unwrap();
        assert_eq!(taken(&mut bucket, now, 0.0), 2000);
        assert_eq!(bucket.take(now, 0.0), Err(Duration::from_millis(2)));
        assert_eq!(taken(&mut bucket, now + Duration::from_secs(1), 0.0), 500);
        assert_eq!(taken(&mut bucket, now + Duration::from_secs(3600), 0.0), 2000);
    }

    #[rstest]
    #[case(2000, 1000)]
    #[case(4, 2)]
    #[case(1, 1)]
    fn who_spares_half_leaves_half(#[case] size: u32, #[case] count: usize) {
        let now = Instant::now();
        let mut bucket = Bucket::full(1, size, now).unwrap();
        assert_eq!(taken(&mut bucket, now, 0.5), count);
        assert_eq!(taken(&mut bucket, now, 0.0), size as usize - count);
    }

    #[test]
    fn what_was_put_back_is_there_and_never_more_than_fits() {
        let now = Instant::now();
        let mut bucket = Bucket::full(1, 2, now).unwrap();
        bucket.put_back();
        assert_eq!(taken(&mut bucket, now, 0.0), 2);
        bucket.put_back();
        assert_eq!(taken(&mut bucket, now, 0.0), 1);
    }

    #[test]
    fn time_that_goes_back_changes_nothing() {
        let now = Instant::now() + Duration::from_secs(10);
        let mut bucket = Bucket::full(10, 10, now).unwrap();
        assert_eq!(taken(&mut bucket, now, 0.0), 10);
        assert_eq!(taken(&mut bucket, now - Duration::from_secs(5), 0.0), 0);
        assert_eq!(taken(&mut bucket, now + Duration::from_secs(1), 0.0), 10);
    }

    #[test]
    fn a_rate_of_nought_is_none() {
        assert!(Bucket::full(0, 10, Instant::now()).is_none());
    }
}
