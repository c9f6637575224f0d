//! The order in which people count: `v1.9` before `v1.10`.

use std::cmp::Ordering;

/// Compares two names, numbers in them by what they are worth.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    while !left.is_empty() && !right.is_empty() {
        let ((a, left_rest), (b, right_rest)) = (piece(left), piece(right));
        let ordering = match (is_number(a), is_number(b)) {
            (true, true) => by_worth(a, b),
            _ => a.cmp(b),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
        (left, right) = (left_rest, right_rest);
    }
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// The digits at the beginning, or what is before the next digit; and the rest.
fn piece(text: &str) -> (&str, &str) {
    let digits = is_number(text);
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// However long they are.
fn by_worth(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("v1.9", "v1.10", Ordering::Less)]
    #[case("1.2", "1.2.3", Ordering::Less)]
    #[case("main-9-abc", "main-10-abc", Ordering::Less)]
    #[case("a", "b", Ordering::Less)]
    #[case("v01", "v1", Ordering::Less)]
    #[case("20240101000000000000000001", "20240101000000000000000002", Ordering::Less)]
    #[case("latest", "latest", Ordering::Equal)]
    fn names_are_in_the_order_in_which_people_count(
        #[case] one: &str,
        #[case] other: &str,
        #[case] order: Ordering,
    ) {
        assert_eq!(compare(one, other), order);
        assert_eq!(compare(other, one), order.reverse());
    }
}
