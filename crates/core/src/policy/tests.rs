use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::reference::TagName;

fn tags(names: &str) -> Vec<TagName> {
    names.split_whitespace().map(|name| name.parse().unwrap()).collect()
}

fn filter(pattern: &str, extract: &str) -> Option<Filter> {
    Some(Filter::new(pattern, Some(extract)).unwrap())
}

fn semver(range: &str) -> Rule {
    Rule::Semver(range.parse().unwrap())
}

fn sibling(tag: &str) -> Rule {
    Rule::Sibling(tag.parse().unwrap())
}

fn chosen(rule: Rule, filter: Option<Filter>, names: &str) -> String {
    let tags = tags(names);
    Choice::new(rule, filter).choose(&tags).map(ToString::to_string).unwrap_or_default()
}

#[rstest]
#[case::the_highest(">=1.2.0, <2", "1.2.0 1.10.0 1.9.0 2.0.0", "1.10.0")]
#[case::no_prerelease(">=1.2.0", "1.2.0 1.3.0-rc.1", "1.2.0")]
#[case::a_prerelease_that_is_welcome(">=1.2.0-0", "1.2.0 1.3.0-rc.2 1.3.0-rc.10", "1.3.0-rc.10")]
#[case::the_release_before_its_prerelease(">=1.2.0-0", "1.3.0 1.3.0-rc.10", "1.3.0")]
#[case::with_a_v(">=1.2.0", "v1.2.0 1.1.0", "v1.2.0")]
#[case::equal_ones_by_name("*", "1.2.0 v1.2.0 1.1.0", "v1.2.0")]
#[case::what_is_no_version_is_left_out("*", "latest main 2 2.0 1.0.0", "1.0.0")]
#[case::none(">=3", "1.0.0 latest", "")]
#[case::none_of_none("*", "", "")]
fn semver_is_the_highest_version_in_the_range(#[case] range: &str, #[case] names: &str, #[case] tag: &str) {
    assert_eq!(chosen(semver(range), None, names), tag);
}

#[rstest]
#[case::last(Order::Asc, "9 10 8", "10")]
#[case::first(Order::Desc, "9 10 8", "8")]
#[case::exactly(Order::Asc, "9007199254740993 9007199254740992", "9007199254740993")]
#[case::what_is_no_number_is_left_out(Order::Asc, "9 latest 1e5 1.2.3", "9")]
#[case::equal_ones_by_name(Order::Asc, "7 07 7.0", "7.0")]
#[case::equal_ones_by_name_the_other_way(Order::Desc, "7 07 7.0", "07")]
#[case::none(Order::Asc, "latest", "")]
fn numerical_is_the_last_number(#[case] order: Order, #[case] names: &str, #[case] tag: &str) {
    assert_eq!(chosen(Rule::Numerical(order), None, names), tag);
}

#[rstest]
#[case::last(Order::Asc, "a c b", "c")]
#[case::first(Order::Desc, "c a b", "a")]
#[case::by_bytes(Order::Asc, "Z a 9 _", "a")]
#[case::not_by_number(Order::Asc, "9 10", "9")]
#[case::dates(Order::Asc, "RELEASE.2024-01-02 RELEASE.2023-12-31", "RELEASE.2024-01-02")]
fn alphabetical_is_the_last_in_the_order_of_bytes(
    #[case] order: Order,
    #[case] names: &str,
    #[case] tag: &str,
) {
    assert_eq!(chosen(Rule::Alphabetical(order), None, names), tag);
}

#[test]
fn what_is_extracted_is_compared_and_the_tag_is_chosen() {
    let names = "main-9-ff main-10-aa dev-11-bb main-x-cc latest";
    let by = || filter("^main-(?P<ts>[0-9]+)-[a-f0-9]+$", "$ts");
    assert_eq!(chosen(Rule::Numerical(Order::Asc), by(), names), "main-10-aa");
    assert_eq!(chosen(Rule::Alphabetical(Order::Asc), by(), names), "main-9-ff");
    let parts = filter(r"^r(\d+)_(\d+)$", "$1.$2.0");
    assert_eq!(chosen(semver("1.x"), parts, "r1_9 r1_10 r2_0"), "r1_10");
    assert_eq!(chosen(Rule::Numerical(Order::Asc), filter("^(1)-", "$1"), "1-a 1-c 1-b"), "1-c");
}

#[test]
fn candidates_are_the_filtered_tags_but_the_sibling_itself() {
    let tags = tags("main-latest main-1111111 amd64-main-1111111 main-2222222 dev-3333333 main-latest");
    let names = |choice: Choice| choice.candidates(&tags).iter().map(ToString::to_string).collect::<Vec<_>>();
    let by_hash = Filter::new("^main-[0-9a-f]{7,}$", None).unwrap();
    let choice = Choice::new(sibling("main-latest"), Some(by_hash));
    assert_eq!(choice.sibling(), Some(&tags[0]));
    assert_eq!(choice.choose(&tags), None, "names alone do not tell");
    assert_eq!(names(choice), ["main-2222222", "main-1111111"]);
    let all = ["main-2222222", "main-1111111", "dev-3333333", "amd64-main-1111111"];
    assert_eq!(names(Choice::new(sibling("main-latest"), None)), all);
    let newest_first = Choice::new(sibling("main-latest"), filter("-([0-9a-f]{7})$", "$1"));
    assert_eq!(names(newest_first), ["dev-3333333", "main-2222222", "main-1111111", "amd64-main-1111111"]);
    assert_eq!(names(Choice::new(semver("*"), None)), [""; 0], "no other rule asks for digests");
}

#[rstest]
#[case(semver("1.x"), "1.2.3", true)]
#[case(semver("1.x"), "2.0.0", false)]
#[case(semver("1.x"), "1.2.4-rc.1", false)]
#[case(semver("1.x"), "latest", false)]
#[case(Rule::Numerical(Order::Asc), "12", true)]
#[case(Rule::Numerical(Order::Asc), "latest", false)]
#[case(Rule::Alphabetical(Order::Desc), "latest", true)]
#[case(sibling("main-latest"), "main-latest", true)]
#[case(sibling("main-latest"), "main-1234567", true)]
fn a_push_is_admitted_where_it_could_change_the_choice(
    #[case] rule: Rule,
    #[case] tag: &str,
    #[case] admitted: bool,
) {
    assert_eq!(Choice::new(rule, None).admits(&tag.parse().unwrap()), admitted);
}

#[test]
fn a_push_that_the_filter_leaves_out_is_not_admitted() {
    let none = || filter("^no-such-tag$", "");
    for rule in [semver("*"), Rule::Numerical(Order::Asc), Rule::Alphabetical(Order::Asc), sibling("latest")]
    {
        let choice = Choice::new(rule, none());
        assert!(!choice.admits(&"1.2.3".parse().unwrap()));
        assert_eq!(choice.admits(&TagName::latest()), choice.sibling().is_some());
    }
}

fn rules() -> impl Strategy<Value = Rule> {
    let ranges = prop::sample::select(vec!["*", "*-0", ">=1.2.0-0 <3", "1.x || ~2.1"]);
    let orders = prop::sample::select(vec![Order::Asc, Order::Desc]);
    prop_oneof![
        ranges.prop_map(semver),
        orders.clone().prop_map(Rule::Numerical),
        orders.prop_map(Rule::Alphabetical),
        Just(sibling("1.1.1")),
    ]
}

fn names() -> impl Strategy<Value = Vec<TagName>> {
    let name = "v?[0-3]\\.[0-3]\\.[0-3](-[ab]\\.[0-3])?|0{0,2}[0-9]{1,3}(\\.[0-9]0?)?|[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,9}";
    prop::collection::vec(name.prop_map(|name| name.parse().unwrap()), 0..30)
}

fn filters() -> impl Strategy<Value = Option<Filter>> {
    let known = [None, filter("[0-9]", ""), filter("^v?(.*?)0*$", "$1"), filter("(.)", "$1")];
    prop::sample::select(known.to_vec())
}

proptest! {
    #[test]
    fn the_order_of_the_tags_never_matters(
        (tags, shuffled) in names().prop_flat_map(|tags| (Just(tags.clone()), Just(tags).prop_shuffle())),
        rule in rules(),
        filter in filters(),
    ) {
        let choice = Choice::new(rule, filter);
        prop_assert_eq!(choice.choose(&tags), choice.choose(&shuffled));
        prop_assert_eq!(choice.candidates(&tags), choice.candidates(&shuffled));
    }

    #[test]
    fn what_is_chosen_is_admitted_and_chosen_again(tags in names(), rule in rules(), filter in filters()) {
        let choice = Choice::new(rule, filter);
        let chosen = choice.choose(&tags);
        prop_assert!(chosen.is_none_or(|tag| choice.admits(tag)));
        prop_assert_eq!(choice.choose(chosen), chosen);
        prop_assert!(choice.candidates(&tags).iter().all(|tag| choice.admits(tag)));
        let ranked = choice.ranked(&tags);
        if choice.sibling().is_none() {
            prop_assert_eq!(ranked.first().copied(), chosen);
            let rest = ranked.iter().skip(1).copied();
            prop_assert_eq!(choice.choose(rest.clone()), rest.clone().next());
        }
    }

    #[test]
    fn what_is_not_admitted_changes_nothing(tags in names(), rule in rules(), filter in filters()) {
        let choice = Choice::new(rule, filter);
        let admitted = tags.iter().filter(|tag| choice.admits(tag));
        prop_assert_eq!(choice.choose(admitted.clone()), choice.choose(&tags));
        prop_assert_eq!(choice.candidates(admitted), choice.candidates(&tags));
        if choice.sibling().is_none() {
            prop_assert_eq!(choice.choose(&tags).is_some(), tags.iter().any(|tag| choice.admits(tag)));
        }
    }

    #[test]
    fn nothing_that_people_write_panics(pattern in any::<String>(), extract in any::<String>(), range in any::<String>()) {
        let filter = Filter::new(&pattern, Some(&extract));
        let range = range.parse::<Range>();
        if let (Ok(filter), Ok(range)) = (filter, range) {
            Choice::new(Rule::Semver(range), Some(filter)).admits(&TagName::latest());
        }
    }

    #[test]
    fn ranges_are_read_without_a_panic(range in "[0-9xv*.<>=!^~|, +-]{0,24}", version in "[0-3]\\.[0-3]\\.[0-3](-[0-3])?") {
        if let Ok(range) = range.parse::<Range>() {
            let found = range.version(&version);
            prop_assert!(found.is_none_or(|found| found.to_string() == version));
        }
    }
}

/// A list as long as any that is read: each tag is looked at, and only the last one so far is kept.
#[test]
fn a_hundred_thousand_tags_are_chosen_from() {
    let tags: Vec<TagName> =
        (0..100_000).map(|n| format!("1.{}.{}", n / 100, n % 100).parse().unwrap()).collect();
    let by = || filter(r"^1\.(\d+)\.(\d+)$", "$1$2");
    assert_eq!(chosen_of(semver("*"), None, &tags), "1.999.99");
    assert_eq!(chosen_of(Rule::Numerical(Order::Asc), by(), &tags), "1.999.99");
    assert_eq!(chosen_of(Rule::Alphabetical(Order::Asc), by(), &tags), "1.999.99");
    assert_eq!(Choice::new(sibling("1.0.0"), by()).candidates(&tags).len(), 99_999);
}

fn chosen_of(rule: Rule, filter: Option<Filter>, tags: &[TagName]) -> String {
    Choice::new(rule, filter).choose(tags).map(ToString::to_string).unwrap_or_default()
}
