//! The numbered generations of a Tag, and the rules by which they come and go.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reference::{Digest, Reference};

/// What an image tag pointed to when it was imported. Workloads that use the generation run its `imageReference`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// The number of the generation. Numbers count up from 0 and are never used twice.
    #[schemars(range(min = 0))]
    pub generation: i64,
    /// Where the generation was imported from: `spec.from` as it was then.
    pub from: String,
    /// When the generation was imported.
    pub imported_at: Timestamp,
    /// The image, by digest, that workloads are given: the source's own, or the one in the cache registry.
    pub image_reference: String,
    /// The digest of the manifest or index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub digest: Option<Digest>,
    /// The tag of the repository that was resolved; absent where `from` named a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The media type of the manifest or index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What made the generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// The image, by digest, in the registry that it was imported from; absent where that is the imageReference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What made a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Trigger {
    /// The specification asked for it: a new Tag, a new `from`, or the next number.
    Spec,
    /// The registry told of a push.
    Push,
    /// The registry was polled.
    Poll,
    /// A person asked for it with `kubectl tag`.
    Manual,
    /// A person put an image from disk into the cache with `kubectl tag push`.
    Upload,
}

impl Generation {
    /// The digest, also of generations that were recorded before there was a field for it.
    pub fn digest(&self) -> Option<Digest> {
        self.digest.clone().or_else(|| self.image_reference.rsplit_once('@')?.1.parse().ok())
    }

    /// The image, by digest, where it was imported from.
    pub fn origin(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.image_reference)
    }

    /// Whether workloads are given another registry's copy of the image.
    pub fn is_mirrored(&self) -> bool {
        self.origin() != self.image_reference
    }

    /// Whether it is an image that a person put into the cache. It has no other place, and says nothing of what `from` points at.
    pub fn is_upload(&self) -> bool {
        self.trigger == Some(Trigger::Upload)
    }

    /// The same generation with the image in another place. Where it came from stays known.
    #[must_use]
    pub fn moved_to(&self, image_reference: &str) -> Self {
        let origin = self.origin();
        let source = (origin != image_reference).then(|| origin.to_owned());
        Self { image_reference: image_reference.to_owned(), source, ..self.clone() }
    }

    /// Whether the generation was imported from this reference, however it was spelled then.
    pub fn is_from(&self, reference: &Reference) -> bool {
        self.from.parse::<Reference>().is_ok_and(|from| from == *reference)
    }
}

/// The generations of a Tag, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Vec<Generation>")]
pub struct History(Vec<Generation>);

impl From<Vec<Generation>> for History {
    fn from(mut generations: Vec<Generation>) -> Self {
        generations.sort_by_key(|known| std::cmp::Reverse(known.generation));
        generations.dedup_by_key(|known| known.generation);
        Self(generations)
    }
}

impl History {
    /// How many generations are kept where the Tag does not say.
    pub const DEFAULT_LENGTH: usize = 5;

    /// The generations, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Generation> {
        self.0.iter()
    }

    /// Whether nothing was imported yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many generations there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The generation that was imported last.
    pub fn newest(&self) -> Option<&Generation> {
        self.0.first()
    }

    /// The newest generation that came from where the Tag imports: what the registry was last seen to have.
    pub fn newest_seen(&self) -> Option<&Generation> {
        self.0.iter().find(|known| !known.is_upload())
    }

    /// The generation with this number, if it is still there.
    pub fn get(&self, number: i64) -> Option<&Generation> {
        self.0.iter().find(|known| known.generation == number)
    }

    /// The generations, each as this makes it.
    #[must_use]
    pub fn map(&self, change: impl Fn(&Generation) -> Generation) -> Self {
        Self(self.0.iter().map(change).collect())
    }

    /// The number that the next import gets.
    pub fn next_number(&self) -> i64 {
        self.newest().map_or(0, |newest| newest.generation.saturating_add(1))
    }

    /// The numbers that `spec.generation` may have: the next one, then those that are there, newest first.
    pub fn choices(&self) -> Vec<i64> {
        std::iter::once(self.next_number()).chain(self.0.iter().map(|known| known.generation)).collect()
    }

    /// Whether adding one generation to `length` others would make some of them go.
    pub fn is_full(&self, length: usize) -> bool {
        self.0.len() >= length
    }

    /// Adds a generation and lets the oldest go while there are more than `length`. The new one, the current one, the one that tells
    /// what the registry had, and those in use stay, even where that leaves more.
    #[must_use]
    pub fn with(
        &self,
        new: Generation,
        length: usize,
        current: i64,
        in_use: impl Fn(&Generation) -> bool,
    ) -> Self {
        let newest = new.generation;
        let all = Self::from([vec![new], self.0.clone()].concat());
        let seen = all.newest_seen().map_or(newest, |seen| seen.generation);
        let mut kept = all.0;
        while kept.len() > length {
            let stays = [newest, current, seen];
            let goes = |known: &Generation| !stays.contains(&known.generation) && !in_use(known);
            match kept.iter().rposition(goes) {
                Some(oldest) => kept.remove(oldest),
                None => break,
            };
        }
        Self(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn generation(number: i64) -> Generation {
        Generation {
            generation: number,
            from: "quay.io/company/myapp:latest".into(),
            imported_at: Timestamp::UNIX_EPOCH,
            image_reference: format!("quay.io/company/myapp@sha256:{number:064x}"),
            digest: None,
            tag: None,
            media_type: None,
            trigger: None,
            source: None,
        }
    }

    fn history(numbers: &[i64]) -> History {
        numbers.iter().copied().map(generation).collect::<Vec<_>>().into()
    }

    fn numbers(history: &History) -> Vec<i64> {
        history.iter().map(|known| known.generation).collect()
    }

    #[rstest]
    #[case::nothing_yet(&[], &[0])]
    #[case::one(&[0], &[1, 0])]
    #[case::pruned(&[3, 2, 1, 0], &[4, 3, 2, 1, 0])]
    #[case::with_a_gap(&[9, 7], &[10, 9, 7])]
    fn the_choices_are_the_next_number_and_those_that_are_there(
        #[case] known: &[i64],
        #[case] choices: &[i64],
    ) {
        assert_eq!(history(known).choices(), choices);
    }

    #[rstest]
    #[case::room(&[1, 0], 5, 2, &[], &[2, 1, 0])]
    #[case::the_oldest_goes(&[2, 1, 0], 3, 3, &[], &[3, 2, 1])]
    #[case::the_current_one_stays(&[2, 1, 0], 3, 0, &[], &[3, 2, 0])]
    #[case::one_in_use_stays(&[2, 1, 0], 2, 3, &[0], &[3, 0])]
    #[case::all_in_use(&[2, 1, 0], 2, 3, &[0, 1, 2], &[3, 2, 1, 0])]
    #[case::the_new_one_stays_even_alone(&[2, 1, 0], 1, 0, &[], &[3, 0])]
    #[case::a_shorter_history(&[4, 3, 2, 1, 0], 2, 5, &[], &[5, 4])]
    fn a_new_generation_makes_the_oldest_go(
        #[case] known: &[i64],
        #[case] length: usize,
        #[case] current: i64,
        #[case] in_use: &[i64],
        #[case] left: &[i64],
    ) {
        let known = history(known);
        let new = generation(known.next_number());
        let after = known.with(new, length, current, |known| in_use.contains(&known.generation));
        assert_eq!(numbers(&after), left);
    }

    #[rstest]
    #[case::an_upload_alone(&[1], 1, &[1, 0])]
    #[case::however_many_come_after_it(&[1, 2, 3], 2, &[3, 0])]
    #[case::until_the_registry_is_seen_to_have_something_else(&[1, 2], 1, &[3])]
    fn what_the_registry_was_seen_to_have_outlasts_uploads(
        #[case] uploads: &[i64],
        #[case] length: usize,
        #[case] left: &[i64],
    ) {
        let made = |number: i64| Generation {
            trigger: uploads.contains(&number).then_some(Trigger::Upload),
            ..generation(number)
        };
        let newest = left[0];
        let after = (1..=newest)
            .fold(history(&[0]), |known, number| known.with(made(number), length, number, |_| false));
        assert_eq!(numbers(&after), left);
    }

    #[test]
    fn a_history_is_newest_first_however_it_was_written() {
        assert_eq!(numbers(&history(&[1, 3, 0, 2, 3])), [3, 2, 1, 0]);
    }

    #[test]
    fn the_digest_of_an_older_record_is_read_from_its_reference() {
        assert_eq!(generation(7).digest().unwrap().to_string(), format!("sha256:{:064x}", 7));
    }

    #[test]
    fn a_generation_that_moves_to_a_cache_and_back_is_as_it_was() {
        let (before, copy) = (generation(0), format!("cache.internal/a/b@sha256:{:064x}", 0));
        let moved = before.moved_to(&copy);
        assert_eq!((moved.image_reference.as_str(), moved.origin()), (copy.as_str(), before.origin()));
        assert!(moved.is_mirrored() && !before.is_mirrored());
        let again = moved.moved_to("other.internal/a/b@sha256:0");
        assert_eq!(again.origin(), before.origin(), "it came from where it came from, wherever it is");
        assert_eq!(again.moved_to(before.origin()), before);
    }

    #[test]
    fn the_same_source_is_known_however_it_is_spelled() {
        let mut known = generation(0);
        known.from = "docker.io/fedora".into();
        assert!(known.is_from(&"index.docker.io/library/fedora:latest".parse().unwrap()));
        assert!(!known.is_from(&"docker.io/fedora:40".parse().unwrap()));
    }
}
