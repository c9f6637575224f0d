//! The status of a Tag after each step. Pure: what is written, and nothing of how.

use std::collections::HashMap;

use jiff::Timestamp;
use tagger_api::conditions::State;
use tagger_api::tag::{CopyProgress, ImportAttempt, Tag, TagStatus};
use tagger_core::generation::{Generation, History};
use tagger_core::reference::{Digest, Reference};

/// The status of a Tag with this state, and all else as it was.
pub(crate) fn settled(tag: &Tag, state: &State, now: Timestamp) -> TagStatus {
    let before = tag.status.clone().unwrap_or_default();
    let observed = tag.metadata.generation;
    let conditions = state.conditions(&before.conditions, observed, now);
    let image_reference = before.current().map(|current| current.image_reference.clone());
    TagStatus { observed_generation: observed, conditions, image_reference, mirroring: None, ..before }
}

/// The status of a Tag of which a copy is so far, with this state; with none, it says what it said. Whatever is written otherwise
/// ends the copy, or comes before it.
pub(crate) fn copying(tag: &Tag, progress: CopyProgress, state: Option<&State>, now: Timestamp) -> TagStatus {
    let status = match state {
        Some(state) => settled(tag, state, now),
        None => tag.status.clone().unwrap_or_default(),
    };
    TagStatus { mirroring: Some(progress), ..status }
}

/// The status of a Tag with these generations, the current one and the conditions as they were.
pub(crate) fn with_references(tag: &Tag, references: History) -> TagStatus {
    let mut status = TagStatus { references, mirroring: None, ..tag.status.clone().unwrap_or_default() };
    status.image_reference = status.current().map(|current| current.image_reference.clone());
    status
}

/// The status of a Tag of which one generation is somewhere else now.
pub(crate) fn moved(tag: &Tag, moved: &Generation) -> TagStatus {
    let history = tag.status.as_ref().map(|status| status.references.clone()).unwrap_or_default();
    let one = |known: &Generation| if known.generation == moved.generation { moved } else { known }.clone();
    with_references(tag, history.map(one))
}

/// The status of a Tag whose generations are all where they came from.
pub(crate) fn restored(tag: &Tag) -> TagStatus {
    let history = tag.status.as_ref().map(|status| status.references.clone()).unwrap_or_default();
    with_references(tag, history.map(|known| known.moved_to(known.origin())))
}

/// The status of a Tag that is at this generation now, with this history.
pub(crate) fn at(tag: &Tag, number: i64, history: History, now: Timestamp) -> TagStatus {
    let before = tag.status.clone().unwrap_or_default();
    let status = TagStatus { generation: Some(number), references: history, ..before };
    let tag = Tag { status: Some(status), metadata: tag.metadata.clone(), spec: tag.spec.clone() };
    settled(&tag, &ready(&tag), now)
}

/// The status of a Tag that has imported a generation, and is at this one with it.
pub(crate) fn imported(
    tag: &Tag,
    new: Generation,
    current: i64,
    now: Timestamp,
    in_use: impl Fn(&Generation) -> bool,
) -> TagStatus {
    let history = tag.status.as_ref().map(|status| status.references.clone()).unwrap_or_default();
    let history = history.with(new, tag.spec.history_length(), current, in_use);
    let attempt = ImportAttempt { when: whole_seconds(now), succeed: true, reason: String::new() };
    TagStatus { last_import_attempt: Some(attempt), ..at(tag, current, history, now) }
}

/// The status of a Tag whose import failed: what it had stays.
pub(crate) fn failed(tag: &Tag, reason: &'static str, message: String, now: Timestamp) -> TagStatus {
    let attempt = ImportAttempt { when: whole_seconds(now), succeed: false, reason: message.clone() };
    let status = settled(tag, &State::Reconciling { reason, message }, now);
    TagStatus { last_import_attempt: Some(attempt), ..status }
}

/// The digests that were imported from this very repository, with their media types: they need not be asked for again. What was
/// imported from elsewhere, or put into the cache by a person, says nothing of what is here.
pub(crate) fn known_here(tag: &Tag, from: &Reference) -> HashMap<Digest, String> {
    let history = tag.status.iter().flat_map(|status| status.references.iter());
    let here = history.filter(|known| !known.is_upload()).filter(|known| {
        let place = known.from.parse::<Reference>();
        place
            .is_ok_and(|place| (place.registry(), place.repository()) == (from.registry(), from.repository()))
    });
    here.filter_map(|known| Some((known.digest()?, known.media_type.clone()?))).collect()
}

/// The state of a Tag that is as it is wanted.
pub(crate) fn ready(tag: &Tag) -> State {
    let current = tag.status.as_ref().and_then(TagStatus::current);
    let message = current.map(|now| format!("generation {} is {}", now.generation, now.image_reference));
    State::Ready { reason: "Current", message: message.unwrap_or_default() }
}

/// The state of a Tag that is suspended: ready with what it has, or stalled with nothing.
pub(crate) fn suspended(tag: &Tag) -> State {
    match tag.status.as_ref().and_then(TagStatus::current) {
        Some(now) => State::Ready {
            reason: "Suspended",
            message: format!("suspended; generation {} stays {}", now.generation, now.image_reference),
        },
        None => State::Stalled {
            reason: "Suspended",
            message: "suspended before the first import; set spec.suspend to false".to_owned(),
        },
    }
}

/// Whether a Tag was told how far the copy of this generation is.
pub(crate) fn is_copying(tag: &Tag, number: i64) -> bool {
    let progress = tag.status.as_ref().and_then(|status| status.mirroring);
    progress.is_some_and(|progress| progress.generation == number) && says(tag, "Mirroring")
}

/// Whether the conditions of a Tag give this reason already, for its specification as it stands.
pub(crate) fn says(tag: &Tag, reason: &str) -> bool {
    let Some(status) = &tag.status else { return false };
    status.observed_generation == tag.metadata.generation
        && status.conditions.iter().any(|told| told.type_ == "Ready" && told.reason == reason)
}

/// Since when a Tag is not as it is wanted.
pub(crate) fn not_ready_since(tag: &Tag) -> Option<Timestamp> {
    let conditions = &tag.status.as_ref()?.conditions;
    let ready = conditions.iter().find(|told| told.type_ == "Ready")?;
    (ready.status != "True").then_some(ready.last_transition_time.0)
}

/// Kubernetes writes times to the second.
pub(crate) fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagger_api::TagSpec;
    use tagger_core::generation::Trigger;

    fn tag(references: Vec<Generation>, current: Option<i64>) -> Tag {
        let mut tag = Tag::new("myapp", TagSpec { from: "quay.io/a/b".into(), ..TagSpec::default() });
        tag.metadata.generation = Some(4);
        tag.status =
            Some(TagStatus { generation: current, references: references.into(), ..TagStatus::default() });
        tag
    }

    fn generation(number: i64) -> Generation {
        Generation {
            generation: number,
            from: "quay.io/a/b".into(),
            imported_at: Timestamp::UNIX_EPOCH,
            image_reference: format!("quay.io/a/b@sha256:{number:064x}"),
            digest: None,
            tag: None,
            media_type: None,
            trigger: None,
            source: None,
        }
    }

    #[test]
    fn an_import_makes_its_generation_the_current_one() {
        let status =
            imported(&tag(vec![generation(0)], Some(0)), generation(1), 1, Timestamp::UNIX_EPOCH, |_| false);
        assert_eq!((status.generation, status.references.len()), (Some(1), 2));
        assert_eq!(status.image_reference, Some(generation(1).image_reference));
        assert_eq!(status.observed_generation, Some(4));
        assert!(status.last_import_attempt.unwrap().succeed);
        assert_eq!(
            (status.conditions[0].type_.as_str(), status.conditions[0].status.as_str()),
            ("Ready", "True")
        );
    }

    #[test]
    fn a_failed_import_changes_the_attempt_and_the_conditions_only() {
        let before = tag(vec![generation(1), generation(0)], Some(0));
        let status = failed(&before, "Unreachable", "quay.io does not answer".into(), Timestamp::UNIX_EPOCH);
        let old = before.status.unwrap();
        assert_eq!((status.generation, &status.references), (old.generation, &old.references));
        let attempt = status.last_import_attempt.unwrap();
        assert_eq!((attempt.succeed, attempt.reason.as_str()), (false, "quay.io does not answer"));
        let told: Vec<&str> = status.conditions.iter().map(|told| told.type_.as_str()).collect();
        assert_eq!(told, ["Ready", "Reconciling"]);
    }

    #[test]
    fn the_same_state_told_again_is_the_same_status() {
        let before = tag(vec![generation(0)], Some(0));
        let first = settled(&before, &ready(&before), Timestamp::UNIX_EPOCH);
        let again = Tag { status: Some(first.clone()), ..before };
        assert_eq!(settled(&again, &ready(&again), Timestamp::MAX), first);
    }

    #[test]
    fn how_far_a_copy_is_is_told_until_it_ends_however_it_ends() {
        let progress = CopyProgress { generation: 1, copied: 1, total: 2 };
        let before = tag(vec![generation(0)], Some(0));
        let quiet = copying(&before, progress, None, Timestamp::UNIX_EPOCH);
        assert_eq!(quiet, TagStatus { mirroring: Some(progress), ..before.status.clone().unwrap() });
        let working = State::Reconciling { reason: "Mirroring", message: "1 byte of 2".into() };
        let status = copying(&before, progress, Some(&working), Timestamp::UNIX_EPOCH);
        assert_eq!((status.mirroring, status.conditions.len()), (Some(progress), 2));
        let copied = Tag { status: Some(status), ..before };
        let now = Timestamp::UNIX_EPOCH;
        for ended in [
            imported(&copied, generation(1), 1, now, |_| false),
            failed(&copied, "Unreachable", String::new(), now),
            settled(&copied, &ready(&copied), now),
            moved(&copied, &generation(0)),
            restored(&copied),
            at(&copied, 0, copied.status.clone().unwrap().references, now),
        ] {
            assert_eq!(ended.mirroring, None);
        }
    }

    #[test]
    fn a_digest_is_known_only_where_it_was_imported_from() {
        let mut known = generation(0);
        known.media_type = Some("a/b".into());
        let tag = tag(vec![generation(1), known], Some(0));
        let known_at = |from: &str| known_here(&tag, &from.parse().unwrap()).len();
        assert_eq!(known_at("quay.io/a/b:other"), 1, "one that has no media type is looked at again");
        assert_eq!(known_at("quay.io/a/c"), 0);
        assert_eq!(known_at("docker.io/a/b"), 0);
        let mut upload = tag.clone();
        let status = upload.status.as_mut().unwrap();
        status.references =
            status.references.map(|known| Generation { trigger: Some(Trigger::Upload), ..known.clone() });
        assert_eq!(known_here(&upload, &"quay.io/a/b".parse().unwrap()).len(), 0);
    }

    #[test]
    fn generations_move_to_the_cache_one_by_one_and_back_all_at_once() {
        let before = tag(vec![generation(1), generation(0)], Some(0));
        let copy = format!("cache.internal/dev/myapp@sha256:{:064x}", 0);
        let status = moved(&before, &generation(0).moved_to(&copy));
        assert_eq!(status.image_reference.as_ref(), Some(&copy), "it is what workloads use now");
        assert_eq!(status.references.get(0).unwrap().source, Some(generation(0).image_reference));
        assert_eq!(status.references.get(1), Some(&generation(1)));
        let after = restored(&Tag { status: Some(status), ..before.clone() });
        assert_eq!(after.references, before.status.unwrap().references);
        assert_eq!(after.image_reference, Some(generation(0).image_reference));
    }

    #[test]
    fn a_suspended_tag_is_ready_only_with_a_generation() {
        assert!(matches!(suspended(&tag(vec![generation(0)], Some(0))), State::Ready { .. }));
        assert!(matches!(suspended(&tag(vec![], None)), State::Stalled { .. }));
    }
}
