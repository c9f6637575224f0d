//! What the tags of a repository are to a Tag: pure.

use serde::Serialize;
use tagger_core::generation::Generation;
use tagger_core::policy::Choice;
use tagger_core::reference::{Reference, TagName};

use super::natural;

/// The tags of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    /// The repository, with its registry.
    pub(super) repository: String,
    pub(super) tags: Vec<Marked>,
}

/// A tag of a repository, and what it is to a Tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Marked {
    pub(super) name: String,
    /// The generations that were imported by this tag, newest first. It may have moved since.
    pub(super) generations: Vec<i64>,
    /// Whether the current generation is among them.
    pub(super) current: bool,
    /// Whether the policy could choose it; without a policy, whether the Tag follows it.
    pub(super) candidate: bool,
    /// Whether it is what the Tag would import now.
    pub(super) chosen: bool,
}

/// What is asked about: a Tag's specification and generations, or nothing but an image.
#[derive(Default)]
pub(super) struct Facts<'a> {
    pub(super) choice: Option<&'a Choice>,
    /// The tag that is chosen, or followed.
    pub(super) chosen: Option<TagName>,
    pub(super) known: Vec<&'a Generation>,
    pub(super) current: Option<i64>,
}

/// The tags in the order of the policy, those that it can't choose last; and otherwise with the highest number first.
pub(super) fn mark(from: &Reference, tags: &[TagName], facts: &Facts<'_>) -> Listed {
    let ranked = facts.choice.map(|choice| choice.ranked(tags)).unwrap_or_default();
    let mut others: Vec<&TagName> = tags.iter().filter(|tag| !ranked.contains(tag)).collect();
    others.sort_by(|one, other| natural::compare(other.as_str(), one.as_str()));
    let is_candidate = |tag: &TagName| match facts.choice {
        Some(_) => ranked.contains(&tag),
        None => facts.chosen.as_ref() == Some(tag),
    };
    let one = |tag: &TagName| {
        let known = facts.known.iter().filter(|known| known.tag.as_deref() == Some(tag.as_str()));
        let generations: Vec<i64> = known.map(|known| known.generation).collect();
        Marked {
            name: tag.to_string(),
            current: facts.current.is_some_and(|current| generations.contains(&current)),
            generations,
            candidate: is_candidate(tag),
            chosen: facts.chosen.as_ref() == Some(tag),
        }
    };
    let registry = from.registry().map(|registry| format!("{registry}/")).unwrap_or_default();
    Listed {
        repository: format!("{registry}{}", from.repository()),
        tags: ranked.iter().copied().chain(others).map(one).collect(),
    }
}

impl Marked {
    /// The generations in words: the current one is told.
    pub(super) fn generations(&self, current: Option<i64>) -> String {
        let one = |number: &i64| match current == Some(*number) {
            true => format!("{number} (current)"),
            false => number.to_string(),
        };
        self.generations.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagger_core::policy::Rule;

    fn known(generation: i64, tag: &str) -> Generation {
        Generation {
            generation,
            from: "quay.io/a/b".into(),
            imported_at: jiff::Timestamp::UNIX_EPOCH,
            image_reference: String::new(),
            digest: None,
            tag: Some(tag.into()),
            media_type: None,
            trigger: None,
            source: None,
        }
    }

    fn names(listed: &Listed) -> Vec<&str> {
        listed.tags.iter().map(|tag| tag.name.as_str()).collect()
    }

    #[test]
    fn a_policy_orders_what_it_can_choose_before_the_rest() {
        let tags = ["latest", "1.9.0", "1.10.0", "2.0.0"].map(|tag| tag.parse().unwrap());
        let choice = Choice::new(Rule::Semver("<2".parse().unwrap()), None);
        let history = [known(4, "1.9.0"), known(3, "1.8.0"), known(2, "1.9.0")];
        let facts = Facts {
            choice: Some(&choice),
            chosen: Some("1.10.0".parse().unwrap()),
            known: history.iter().collect(),
            current: Some(2),
        };
        let listed = mark(&"quay.io/a/b".parse().unwrap(), &tags, &facts);
        assert_eq!(names(&listed), ["1.10.0", "1.9.0", "latest", "2.0.0"]);
        assert_eq!(listed.repository, "quay.io/a/b");
        assert!(listed.tags[0].chosen && listed.tags[0].candidate && !listed.tags[0].current);
        assert_eq!(
            (listed.tags[1].generations(facts.current).as_str(), listed.tags[1].current),
            ("4, 2 (current)", true)
        );
        assert!(!listed.tags[2].candidate && !listed.tags[3].candidate);
    }

    #[test]
    fn without_a_policy_the_highest_number_is_first_and_the_tag_that_is_followed_is_marked() {
        let tags = ["v9", "v10", "latest"].map(|tag| tag.parse().unwrap());
        let facts = Facts { chosen: Some(TagName::latest()), ..Facts::default() };
        let listed = mark(&"quay.io/a/b".parse().unwrap(), &tags, &facts);
        assert_eq!(names(&listed), ["v10", "v9", "latest"]);
        assert!(listed.tags[2].chosen && listed.tags[2].candidate && !listed.tags[0].candidate);
        assert_eq!(listed.tags[2].generations(None), "");
    }
}
