use std::cmp::Ordering;

use semver::Version;

use super::filter::Filter;
use super::number::Number;
use super::range::{self, Range};
use crate::reference::TagName;

/// Chooses a tag of a repository. The order in which tags come never matters, and each tag is looked at once.
#[derive(Clone, Debug)]
pub struct Choice {
    filter: Option<Filter>,
    rule: Rule,
}

/// Which of the filtered tags is chosen.
#[derive(Clone, Debug)]
pub enum Rule {
    /// The highest version in a range. What is no version is left out.
    Semver(Range),
    /// The last number. What is no number is left out.
    Numerical(Order),
    /// The last in the order of bytes.
    Alphabetical(Order),
    /// The one that has the same digest as this tag.
    Sibling(TagName),
}

/// Which end of an order is its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The greatest is last.
    #[default]
    Asc,
    /// The smallest is last.
    Desc,
}

impl Order {
    fn of(self, ordering: Ordering) -> Ordering {
        match self {
            Self::Asc => ordering,
            Self::Desc => ordering.reverse(),
        }
    }
}

impl Choice {
    /// The choice that a rule makes among the tags that pass a filter, or among all.
    pub fn new(rule: Rule, filter: Option<Filter>) -> Self {
        Self { filter, rule }
    }

    /// Whether a push of this tag could change what is chosen: it passes the filter and the rule can compare it. For a
    /// sibling, also the tag itself whose digest counts.
    pub fn admits(&self, tag: &TagName) -> bool {
        let value = || self.value(tag);
        match &self.rule {
            Rule::Semver(range) => value().is_some_and(|value| range.version(&value).is_some()),
            Rule::Numerical(_) => value().is_some_and(|value| Number::parse(&value).is_some()),
            Rule::Alphabetical(_) => value().is_some(),
            Rule::Sibling(sibling) => tag == sibling || value().is_some(),
        }
    }

    /// The tag that is chosen, or none where no tag can be. Of equal values, the last name in the same order counts. A
    /// sibling is not found by names alone: see [`Choice::candidates`].
    pub fn choose<'a>(&self, tags: impl IntoIterator<Item = &'a TagName>) -> Option<&'a TagName> {
        match &self.rule {
            Rule::Semver(range) => {
                let compare = |one: &Version, other: &Version| range::by_precedence(one, other);
                self.last(tags, Order::Asc, |value| range.version(value), compare)
            }
            Rule::Numerical(order) => self.last(tags, *order, Number::parse, Number::cmp),
            Rule::Alphabetical(order) => self.last(tags, *order, |value| Some(value.to_owned()), String::cmp),
            Rule::Sibling(_) => None,
        }
    }

    /// The tag whose digest counts, where the rule is a sibling.
    pub fn sibling(&self) -> Option<&TagName> {
        match &self.rule {
            Rule::Sibling(tag) => Some(tag),
            _ => None,
        }
    }

    /// The tags that may be the sibling, in the order in which they are to be asked for their digest: the first one that
    /// has it is chosen. The last value in the order of bytes comes first, so that the newest is asked early where
    /// numbers or dates of one length are in the tags. The sibling tag itself is none. No other rule has any.
    pub fn candidates<'a>(&self, tags: impl IntoIterator<Item = &'a TagName>) -> Vec<&'a TagName> {
        let Rule::Sibling(sibling) = &self.rule else { return Vec::new() };
        let others = tags.into_iter().filter(|tag| *tag != sibling);
        let mut found: Vec<_> = others.filter_map(|tag| Some((self.value(tag)?, tag))).collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        found.dedup_by_key(|(_, tag)| *tag);
        found.into_iter().map(|(_, tag)| tag).collect()
    }

    /// What the rule compares of a tag, or none where the filter leaves it out.
    fn value<'a>(&self, tag: &'a TagName) -> Option<std::borrow::Cow<'a, str>> {
        match &self.filter {
            Some(filter) => filter.value(tag.as_str()),
            None => Some(tag.as_str().into()),
        }
    }

    fn last<'a, K>(
        &self,
        tags: impl IntoIterator<Item = &'a TagName>,
        order: Order,
        key: impl Fn(&str) -> Option<K>,
        compare: impl Fn(&K, &K) -> Ordering,
    ) -> Option<&'a TagName> {
        let keyed = tags.into_iter().filter_map(|tag| Some((key(&self.value(tag)?)?, tag)));
        let compare = |one: &(K, &TagName), other: &(K, &TagName)| {
            order.of(compare(&one.0, &other.0).then_with(|| one.1.cmp(other.1)))
        };
        keyed.max_by(compare).map(|(_, tag)| tag)
    }
}
