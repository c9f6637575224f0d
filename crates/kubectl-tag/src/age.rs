//! How long ago something was, as kubectl says it.

use jiff::Timestamp;

/// The age of a moment: `45s`, `3m`, `2h10m`, `5d`, `2y30d`. Two units where the first is small.
pub(crate) fn age(moment: Timestamp, now: Timestamp) -> String {
    let seconds = u64::try_from(now.duration_since(moment).as_secs()).unwrap_or_default();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: u64, unit: char, small: u64, smaller: char| match small {
        0 => format!("{large}{unit}"),
        some => format!("{large}{unit}{some}{smaller}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, 'd', hours % 24, 'h'),
        691_200..63_072_000 => format!("{days}d"),
        _ => two(days / 365, 'y', days % 365, 'd'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, "0s")]
    #[case(119, "119s")]
    #[case(120, "2m")]
    #[case(150, "2m30s")]
    #[case(3600, "60m")]
    #[case(3 * 3600 + 600, "3h10m")]
    #[case(86_400, "24h")]
    #[case(3 * 86_400 + 3600, "3d1h")]
    #[case(30 * 86_400, "30d")]
    #[case(800 * 86_400, "2y70d")]
    #[case(-5, "0s")]
    fn an_age_is_short(#[case] seconds: i64, #[case] told: &str) {
        let moment = Timestamp::from_second(1_000_000_000).unwrap();
        let now = Timestamp::from_second(1_000_000_000 + seconds).unwrap();
        assert_eq!(age(moment, now), told);
    }
}
