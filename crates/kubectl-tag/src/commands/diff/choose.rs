//! Which generations are compared, and which platform of theirs: pure.

use std::collections::BTreeSet;

use tagger_core::generation::{Generation, History};
use tagger_registry::Platform;

use crate::problem::Problem;

/// The platform that is compared where nobody says which, and both have it.
const USUAL: &str = "linux/amd64";

/// The numbers of the two generations: those that are given; or the one that is given and the current one, the older first; or
/// the current one and the one before it.
pub(super) fn numbers(
    tag: &str,
    history: &History,
    current: i64,
    given: (Option<i64>, Option<i64>),
) -> Result<(i64, i64), Problem> {
    match given {
        (Some(older), Some(newer)) => Ok((older, newer)),
        (Some(one), None) | (None, Some(one)) => Ok((one.min(current), one.max(current))),
        (None, None) => match history.iter().find(|known| known.generation < current) {
            Some(Generation { generation, .. }) => Ok((*generation, current)),
            None => Err(Problem::NoStep(
                format!("the Tag {tag:?} is at generation {current}, and there is none before it"),
                match history.newest().filter(|newest| newest.generation > current) {
                    Some(newest) => Some(format!(
                        "kubectl tag diff {tag} {} compares it with the newest",
                        newest.generation
                    )),
                    None => Some(format!("kubectl tag upgrade {tag} imports what the registry has now")),
                },
            )),
        },
    }
}

/// The platform that is looked into on both sides, by those that each has.
pub(super) fn platform(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Option<Platform> {
    let mut shared = before.intersection(after);
    let usual = shared.clone().find(|platform| *platform == USUAL);
    usual.or_else(|| shared.next())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn history(numbers: &[i64]) -> History {
        let known = |number: &i64| Generation {
            generation: *number,
            from: String::new(),
            imported_at: jiff::Timestamp::UNIX_EPOCH,
            image_reference: String::new(),
            digest: None,
            tag: None,
            media_type: None,
            trigger: None,
            source: None,
        };
        numbers.iter().map(known).collect::<Vec<_>>().into()
    }

    #[rstest]
    #[case::the_last_step(3, (None, None), (2, 3))]
    #[case::over_a_gap(2, (None, None), (0, 2))]
    #[case::one_before(3, (Some(0), None), (0, 3))]
    #[case::one_after(0, (Some(3), None), (0, 3))]
    #[case::both(3, (Some(2), Some(0)), (2, 0))]
    fn two_generations_are_compared(
        #[case] current: i64,
        #[case] given: (Option<i64>, Option<i64>),
        #[case] expected: (i64, i64),
    ) {
        assert_eq!(numbers("app", &history(&[3, 2, 0]), current, given).unwrap(), expected);
    }

    #[rstest]
    #[case(&[0], "kubectl tag upgrade app")]
    #[case(&[2, 1, 0], "kubectl tag diff app 2")]
    fn the_oldest_has_none_before_it(#[case] known: &[i64], #[case] next: &str) {
        let problem = numbers("app", &history(known), 0, (None, None)).unwrap_err();
        assert!(problem.next().unwrap().starts_with(next));
    }

    #[rstest]
    #[case(&["linux/amd64", "linux/386"], &["linux/386", "linux/amd64"], Some("linux/amd64"))]
    #[case(&["linux/arm64", "linux/386"], &["linux/arm64"], Some("linux/arm64"))]
    #[case(&["linux/arm64"], &["linux/amd64"], None)]
    fn a_platform_that_both_have_is_compared(
        #[case] before: &[&str],
        #[case] after: &[&str],
        #[case] expected: Option<&str>,
    ) {
        let set = |platforms: &[&str]| platforms.iter().map(|&platform| platform.to_owned()).collect();
        assert_eq!(platform(&set(before), &set(after)).map(|found| found.to_string()).as_deref(), expected);
    }
}
