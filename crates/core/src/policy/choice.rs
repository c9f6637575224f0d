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
        self.sibling() == Some(tag) || self.key(tag).is_some()
    }

    /// The tag that is chosen, or none where no tag can be. Of equal values, the last name in the same order counts. A
    /// sibling is not found by names alone: see [`Choice::candidates`].
    pub fn choose<'a>(&self, tags: impl IntoIterator<Item = &'a TagName>) -> Option<&'a TagName> {
        match &self.rule {
            Rule::Sibling(_) => None,
            _ => self.keyed(tags).max_by(|one, other| self.compare(one, other)).map(|(_, tag)| tag),
        }
    }

    /// The tags that may be chosen, in an order in which each would be if those before it were not there: for a sibling, its
    /// candidates.
    pub fn ranked<'a>(&self, tags: impl IntoIterator<Item = &'a TagName>) -> Vec<&'a TagName> {
        let mut ranked: Vec<_> = self.keyed(tags).collect();
        ranked.sort_unstable_by(|one, other| self.compare(other, one));
        ranked.dedup_by_key(|(_, tag)| *tag);
        ranked.into_iter().map(|(_, tag)| tag).collect()
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
        match &self.rule {
            Rule::Sibling(_) => self.ranked(tags),
            _ => Vec::new(),
        }
    }

    /// What the rule compares of a tag, or none where the filter leaves it out.
    fn value<'a>(&self, tag: &'a TagName) -> Option<std::borrow::Cow<'a, str>> {
        match &self.filter {
            Some(filter) => filter.value(tag.as_str()),
            None => Some(tag.as_str().into()),
        }
    }

    /// What the rule compares of a tag, as it compares it. The sibling tag itself has nothing.
    fn key(&self, tag: &TagName) -> Option<Key> {
        let value = self.value(tag)?;
        match &self.rule {
            Rule::Semver(range) => range.version(&value).map(Key::Version),
            Rule::Numerical(_) => Number::parse(&value).map(Key::Number),
            Rule::Alphabetical(_) => Some(Key::Text(value.into_owned())),
            Rule::Sibling(sibling) => (tag != sibling).then(|| Key::Text(value.into_owned())),
        }
    }

    fn keyed<'a>(
        &self,
        tags: impl IntoIterator<Item = &'a TagName>,
    ) -> impl Iterator<Item = (Key, &'a TagName)> {
        tags.into_iter().filter_map(|tag| Some((self.key(tag)?, tag)))
    }

    fn compare(&self, one: &(Key, &TagName), other: &(Key, &TagName)) -> Ordering {
        let order = match &self.rule {
            Rule::Semver(_) | Rule::Sibling(_) => Order::Asc,
            Rule::Numerical(order) | Rule::Alphabetical(order) => *order,
        };
        order.of(one.0.compare(&other.0).then_with(|| one.1.cmp(other.1)))
    }
}

/// What a rule compares. Those of one rule are all of one kind.
enum Key {
    Version(Version),
    Number(Number),
    Text(String),
}

impl Key {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Version(one), Self::Version(other)) => range::by_precedence(one, other),
            (Self::Number(one), Self::Number(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => Ordering::Equal,
        }
    }
}
