//! Figures, and how they are told.

use std::time::Duration;

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
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([7.0]), 7.0);
        assert_eq!(median([]), 0.0);
    }
}
