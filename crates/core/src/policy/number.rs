use std::cmp::Ordering;

/// A decimal number, compared exactly, however long it is: a timestamp of twenty digits is not rounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    /// Without leading zeros.
    whole: String,
    /// Without trailing zeros.
    fraction: String,
}

impl Number {
    /// Reads digits with an optional sign and an optional fraction. There are no exponents, so that a hash such as `1e5`
    /// is no number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let is_zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative: negative && !is_zero, whole, fraction })
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |one: &Self, other: &Self| {
            let longer = one.whole.len().cmp(&other.whole.len());
            longer.then_with(|| one.whole.cmp(&other.whole)).then_with(|| one.fraction.cmp(&other.fraction))
        };
        match (self.negative, other.negative) {
            (false, false) => size(self, other),
            (true, true) => size(other, self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("1", "2")]
    #[case("9", "10")]
    #[case("007", "8")]
    #[case("20240101000000000001", "20240101000000000002")]
    #[case("9007199254740992", "9007199254740993")]
    #[case("1.09", "1.1")]
    #[case("1.1", "1.11")]
    #[case("-2", "-1")]
    #[case("-1", "0")]
    #[case("-0.5", ".5")]
    fn numbers_are_in_order(#[case] less: &str, #[case] more: &str) {
        assert!(Number::parse(less).unwrap() < Number::parse(more).unwrap());
    }

    #[rstest]
    #[case("1", "1.0")]
    #[case("01", "+1.")]
    #[case("-0", "0.00")]
    #[case(".5", "00.500")]
    fn numbers_are_equal(#[case] one: &str, #[case] other: &str) {
        assert_eq!(Number::parse(one).unwrap().cmp(&Number::parse(other).unwrap()), Ordering::Equal);
    }

    #[rstest]
    #[case("")]
    #[case(".")]
    #[case("-")]
    #[case("+-1")]
    #[case("1e5")]
    #[case("0x1f")]
    #[case("1_000")]
    #[case("1.2.3")]
    #[case("NaN")]
    #[case("inf")]
    #[case(" 1")]
    #[case("٣")]
    fn what_is_no_number_is_none(#[case] text: &str) {
        assert_eq!(Number::parse(text), None);
    }
}
