use super::*;
use crate::reference::TagName;
use rstest::rstest;

fn tags(names: &str) -> Vec<TagName> {
    names.split_whitespace().map(|name| name.parse().unwrap()).collect()
}

fn choose(rule: Rule, filter: Option<Filter>, names: &str) -> Option<String> {
    let tags = tags(names);
    let chosen = Choice::new(rule, filter).choose(&tags).map(ToString::to_string);
    let turned: Vec<_> = tags.iter().rev().cloned().collect();
    chosen.filter(|_| !turned.is_empty())
}

fn semver(range: &str) -> Rule {
    Rule::Semver(range.parse().unwrap())
}

#[rstest]
#[case("1.2.3", "1.2.3 1.2.4", "1.2.3")]
#[case("1.2", "1.2.3 1.2.4 1.3.0", "1.2.4")]
fn the_highest_version_in_the_range_is_chosen(
    #[case] range: &str,
    #[case] names: &str,
    #[case] chosen: &str,
) {
    assert_eq!(choose(semver(range), None, names).as_deref(), Some(chosen));
}
