//! Figures, and how they are told.

use std::time::Duration;

use serde::Serialize;

/// The middle one of some figures, or the mean of the two in the middle; zero where there are none.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (_, None) => 0.0,
        (1, Some(figure)) => *figure,
        (_, Some(figure)) => (sorted[middle - 1] + figure) / 2.0,
    }
}

/// Where many figures lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// What one of a hundred is above.
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of these figures; zero where there are none.
    pub(crate) fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |rank: usize| figures.get(rank.max(1) - 1).copied().unwrap_or_default();
        let count = figures.len();
        Self { median: at(count.div_ceil(2)), p99: at((count * 99).div_ceil(100)), max: at(count) }
    }
}

/// The mean of two durations.
pub(crate) fn mean(first: Duration, second: Duration) -> Duration {
    (first + second) / 2
}

/// KiB as MiB.
#[expect(clippy::cast_precision_loss, reason = "no memory is that large")]
pub(crate) fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_figures_that_were_there() {
        let figures = (1..=1000).rev().map(f64::from).collect();
        assert_eq!(Spread::of(figures), Spread { median: 500.0, p99: 990.0, max: 1000.0 });
        assert_eq!(Spread::of(vec![7.0]), Spread { median: 7.0, p99: 7.0, max: 7.0 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([7.0]), 7.0);
        assert_eq!(median([]), 0.0);
    }
}
