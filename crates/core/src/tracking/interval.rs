use std::time::Duration;

/// The shortest interval at which a registry may be asked.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(30);

/// Why a text is no interval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// It is no duration.
    #[error("{0:?} is no duration; write 30s, 10m or 1h30m")]
    Duration(String),
    /// It is shorter than a registry may be asked.
    #[error("{0} is too short; it must be at least 30s")]
    TooShort(String),
}

/// Reads an interval as Go and Kubernetes write durations: numbers with the units `h`, `m` or `s`, one after the other.
pub fn interval(text: &str) -> Result<Duration, IntervalError> {
    let duration = duration(text).ok_or_else(|| IntervalError::Duration(text.to_owned()))?;
    match duration >= SHORTEST_INTERVAL {
        true => Ok(duration),
        false => Err(IntervalError::TooShort(text.to_owned())),
    }
}

/// Reads a duration as Go and Kubernetes write it: `30s`, `1h30m`. None where it is no duration, or longer than Go can hold,
/// which is 292 years.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(['h', 'm', 's'])?);
        let (unit, after) = after.split_at(1);
        let seconds = match unit {
            "h" => 3600,
            "m" => 60,
            _ => 1,
        };
        sum = sum.checked_add(nanoseconds(number, seconds * 1_000_000_000)?)?;
        rest = after;
    }
    let known = !text.is_empty() && i64::try_from(sum).is_ok();
    known.then(|| Duration::from_nanos(sum))
}

/// A number such as `1.5` of a unit, without what is less than a nanosecond.
fn nanoseconds(number: &str, unit: u64) -> Option<u64> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    let whole = is_digits(whole).then(|| whole.parse::<u64>().ok()).flatten()?;
    let digit = |(value, unit): (u64, u64), b: u8| (value + u64::from(b - b'0') * unit / 10, unit / 10);
    let (fraction, _) = fraction.bytes().fold((0, unit), digit);
    whole.checked_mul(unit)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("30s", 30)]
    #[case("10m", 600)]
    #[case("1h30m", 5400)]
    #[case("30m1h", 5400)]
    #[case("1h1h", 7200)]
    #[case("1.5h", 5400)]
    #[case("0.5h30s", 1830)]
    #[case("00030s", 30)]
    #[case("87600h", 315_360_000)]
    fn an_interval_is_as_long_as_go_says(#[case] text: &str, #[case] seconds: u64) {
        assert_eq!(interval(text), Ok(Duration::from_secs(seconds)));
    }

    #[rstest]
    #[case("")]
    #[case("often")]
    #[case("30")]
    #[case("s")]
    #[case("1.s")]
    #[case(".5h")]
    #[case("1.2.3h")]
    #[case("30000ms")]
    #[case("-1h")]
    #[case("+1h")]
    #[case("1h 30m")]
    #[case("1d")]
    #[case("2562048h")]
    #[case("99999999999999999999999h")]
    #[case("3٣s")]
    fn what_is_no_duration_is_refused(#[case] text: &str) {
        assert_eq!(interval(text), Err(IntervalError::Duration(text.into())));
    }

    #[rstest]
    #[case("29s")]
    #[case("29.999999999s")]
    #[case("0h")]
    #[case("0.4m")]
    fn what_is_too_short_is_refused(#[case] text: &str) {
        assert_eq!(interval(text), Err(IntervalError::TooShort(text.into())));
    }
}
