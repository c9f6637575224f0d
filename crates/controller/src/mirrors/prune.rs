//! What is to go from a Tag's repository in the cache. Pure: what goes, and nothing of how.

use std::collections::HashSet;

use tagger_core::generation::History;
use tagger_core::reference::{Digest, TagName};

use super::copies::CURRENT;

/// The tags of a repository that a Tag's history says something about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sorted {
    /// Of generations that fell out of the history.
    pub(crate) fallen: Vec<TagName>,
    /// Of generations that are newer than the history that was looked at, which are being made, and whatever else somebody put
    /// there. What they name stays.
    pub(crate) staying: Vec<TagName>,
}

/// Sorts the tags of a repository by what became of their generations. A Tag with no generation has nothing to compare with, and
/// what others put there is not ours.
pub(crate) fn sort(tags: &[TagName], history: &History) -> Sorted {
    let mut sorted = Sorted { fallen: Vec::new(), staying: Vec::new() };
    let Some(newest) = history.newest().map(|newest| newest.generation) else { return sorted };
    for tag in tags {
        match number_of(tag) {
            Some(number) if number > newest => sorted.staying.push(tag.clone()),
            Some(number) if history.get(number).is_some() => {}
            Some(_) => sorted.fallen.push(tag.clone()),
            // What is attached to an image goes where that goes, and the current generation is in the history.
            None if tag.as_str().starts_with("sha256-") || tag.as_str() == CURRENT => {}
            None => sorted.staying.push(tag.clone()),
        }
    }
    sorted
}

/// The number of the generation that a tag is of, in the one form that we write.
fn number_of(tag: &TagName) -> Option<i64> {
    let number: i64 = tag.as_str().strip_prefix('g')?.parse().ok()?;
    (number >= 0 && format!("g{number}") == tag.as_str()).then_some(number)
}

/// What becomes of the tag of a generation that fell out of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays, with what it names: somebody uses that. It is looked at again later.
    Stays,
    /// It goes; what it names has another generation's tag as well, and stays.
    Untagged,
    /// It goes, and what it names.
    Removed,
}

/// Decides by the digest: `own` are those of the Tag's other generations.
pub(crate) fn fate(digest: &Digest, own: &HashSet<Digest>, used: &HashSet<Digest>) -> Fate {
    match (own.contains(digest), used.contains(digest)) {
        (true, _) => Fate::Untagged,
        (false, true) => Fate::Stays,
        (false, false) => Fate::Removed,
    }
}

/// The tags that belong to an image: its signatures, SBOMs and attestations, and the list of those.
pub(crate) fn attached<'a>(tags: &'a [TagName], digest: &Digest) -> impl Iterator<Item = &'a TagName> {
    let name = digest.to_string().replacen(':', "-", 1);
    tags.iter().filter(move |tag| {
        let rest = tag.as_str().strip_prefix(name.as_str());
        matches!(rest, Some("" | ".sig" | ".att" | ".sbom"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use rstest::rstest;
    use tagger_core::generation::Generation;

    fn history(numbers: &[i64]) -> History {
        let one = |number: &i64| Generation {
            generation: *number,
            from: "quay.io/a/b".into(),
            imported_at: Timestamp::UNIX_EPOCH,
            image_reference: String::new(),
            digest: None,
            tag: None,
            media_type: None,
            trigger: None,
            source: None,
        };
        numbers.iter().map(one).collect::<Vec<_>>().into()
    }

    fn tags(names: &[&str]) -> Vec<TagName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[rstest]
    #[case::all_there(&[2, 1, 0], &["g0", "g1", "g2", "current"], &[], &[])]
    #[case::the_oldest_fell_out(&[2, 1], &["g0", "g1", "g2", "current"], &["g0"], &[])]
    #[case::one_between_fell_out(&[3, 0], &["g0", "g1", "g2", "g3"], &["g1", "g2"], &[])]
    #[case::one_is_being_made(&[2, 1], &["g0", "g2", "g3"], &["g0"], &["g3"])]
    #[case::nothing_to_compare_with(&[], &["g0", "g1"], &[], &[])]
    #[case::signatures_are_looked_at_with_their_image(&[9], &["sha256-00.sig", "g9"], &[], &[])]
    #[case::what_others_put_there_is_theirs(&[9], &["g", "g01", "g-1", "G1", "g1x"], &[], &["g", "g01", "g-1", "G1", "g1x"])]
    fn what_fell_out_of_the_history_goes(
        #[case] known: &[i64],
        #[case] there: &[&str],
        #[case] fallen: &[&str],
        #[case] staying: &[&str],
    ) {
        let expected = Sorted { fallen: tags(fallen), staying: tags(staying) };
        assert_eq!(sort(&tags(there), &history(known)), expected);
    }

    #[rstest]
    #[case::nobody_has_it(false, false, Fate::Removed)]
    #[case::another_generation_has_it(true, false, Fate::Untagged)]
    #[case::and_is_run(true, true, Fate::Untagged)]
    #[case::it_is_run(false, true, Fate::Stays)]
    fn what_is_used_stays(#[case] own: bool, #[case] used: bool, #[case] expected: Fate) {
        let digest: Digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let set = |has: bool| has.then(|| digest.clone()).into_iter().collect();
        assert_eq!(fate(&digest, &set(own), &set(used)), expected);
    }

    #[test]
    fn what_is_attached_to_an_image_goes_with_it() {
        let hex = "a".repeat(64);
        let names = ["", ".sig", ".att", ".sbom", ".other"].map(|end| format!("sha256-{hex}{end}"));
        let there = tags(&names.iter().map(String::as_str).chain(["g0"]).collect::<Vec<_>>());
        let digest: Digest = format!("sha256:{hex}").parse().unwrap();
        assert_eq!(attached(&there, &digest).cloned().collect::<Vec<_>>(), there[..4]);
    }
}
