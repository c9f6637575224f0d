//! `filterTags` and `policy`: which tag of a repository is chosen. The input is a line with the pattern, one with what is extracted,
//! one with the rule, and the tags of the repository.

use tagger_core::policy::{Choice, Filter, Order, Range, Rule};
use tagger_core::reference::TagName;

use crate::{assert_harmless, head_and_body};

/// The most bytes of what is compared of a tag, a little above the bound.
const LONGEST_VALUE: usize = 256;

/// Versions around those that seeds name, and what is none.
const VERSIONS: [&str; 10] =
    ["0.0.0", "0.0.1", "0.1.0", "1.0.0", "1.2.3", "v1.2.3-rc.1", "2.0.0-0", "10.20.30", "latest", "1.2"];

/// The order of the tags never matters, what is chosen is one of them and is chosen again, and values are bounded.
pub fn check(input: &[u8]) {
    let (pattern, rest) = head_and_body(input);
    let (extract, rest) = head_and_body(rest);
    let (rule, rest) = head_and_body(rest);
    let Some(rule) = self::rule(rule) else { return };
    let filter = match Filter::new(pattern, Some(extract)) {
        Ok(filter) => filter,
        Err(error) => return assert_harmless(&error.to_string(), pattern.len() + extract.len()),
    };
    let tags: Vec<TagName> =
        String::from_utf8_lossy(rest).lines().filter_map(|tag| tag.parse().ok()).collect();
    for tag in &tags {
        assert!(filter.value(tag.as_str()).is_none_or(|value| value.len() <= LONGEST_VALUE));
    }
    choose(&Choice::new(rule, Some(filter)), &tags);
}

fn choose(choice: &Choice, tags: &[TagName]) {
    let chosen = choice.choose(tags);
    assert_eq!(choice.choose(tags.iter().rev()), chosen);
    let ranked = choice.ranked(tags);
    assert_eq!(choice.ranked(tags.iter().rev()), ranked);
    assert!(ranked.iter().all(|tag| choice.admits(tag)));
    if let Some(chosen) = chosen {
        assert_eq!(ranked.first(), Some(&chosen));
        assert_eq!(choice.choose([chosen]), Some(chosen));
    }
}

fn rule(text: &str) -> Option<Rule> {
    match text {
        "numerical" => Some(Rule::Numerical(Order::Asc)),
        "numerical desc" => Some(Rule::Numerical(Order::Desc)),
        "alphabetical" => Some(Rule::Alphabetical(Order::Asc)),
        "alphabetical desc" => Some(Rule::Alphabetical(Order::Desc)),
        text => match text.strip_prefix("sibling ") {
            Some(tag) => tag.parse().ok().map(Rule::Sibling),
            None => range(text).map(Rule::Semver),
        },
    }
}

/// A range means the same however it is spaced, and two of them joined have what either has.
fn range(text: &str) -> Option<Range> {
    let range = match text.parse::<Range>() {
        Ok(range) => range,
        Err(error) => {
            assert_harmless(&error.to_string(), text.len());
            return None;
        }
    };
    let wide: String =
        text.chars().flat_map(|c| [c; 2].into_iter().take(1 + usize::from(c == ' '))).collect();
    let same = [wide.parse::<Range>(), format!("{text}||{text}").parse()];
    let admits = |range: &Range, tag: &TagName| Choice::new(Rule::Semver(range.clone()), None).admits(tag);
    for tag in VERSIONS.iter().filter_map(|version| version.parse::<TagName>().ok()) {
        // What is longer than a range may be is none.
        for same in same.iter().flatten() {
            assert_eq!(admits(same, &tag), admits(&range, &tag), "{tag} in {text:?}");
        }
    }
    Some(range)
}
