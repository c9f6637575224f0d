//! Which images a workload gets, and what its record says: an answer from the Tags as they are known now.
//!
//! The answer comes at once. Where a moment's patience may lead to a better one, that is said along with it, and it is
//! up to the caller to wait and ask again.

mod refuse;

use tagger_api::index::Tags;
use tagger_api::workload::{Kind, Place};
use tagger_core::rewrite::{Change, Known, Rewritten, Slot, placeholder, rewrite};
use tagger_core::shown::on_one_line;

use crate::answer::Answer;
use crate::patch::{Operation, record_pointer};
use crate::workload::{Origin, Workload};

/// What a workload is answered now, and what might make for a better answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The answer, as things are.
    pub answer: Answer,
    /// What it is worth waiting for.
    pub hope: Option<Hope>,
}

/// What may turn up in a moment and make for a better answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hope {
    /// A Tag of a name that is not known yet, if it is meant to be one.
    Tag,
    /// The first generation of a Tag.
    Generation,
}

/// Says what a workload is answered.
pub fn judge(workload: &Workload, tags: &Tags<'_>) -> Verdict {
    let mut rewritten = rewritten(workload, tags);
    leave_what_cannot_change(workload, &mut rewritten);
    let hope = hope(workload, &rewritten, tags);
    let answer = match refuse::refusal(workload, &rewritten) {
        Some(refusal) => Answer::Refused(refusal),
        None => {
            Answer::Allowed { patch: patch(workload, &rewritten), warnings: warnings(workload, &rewritten) }
        }
    };
    Verdict { answer, hope }
}

fn rewritten(workload: &Workload, tags: &Tags<'_>) -> Rewritten {
    let Workload { namespace, record, .. } = workload;
    let record = record.clone().unwrap_or_default();
    let slots = || workload.places.iter().map(|place| place.slot.clone()).collect::<Vec<_>>();
    match &workload.origin {
        Origin::Created => rewrite(namespace, &slots(), &record, Change::Created, |tag| tags.known(tag)),
        Origin::Updated(before) => {
            let change = Change::Updated { slots: &before.slots, follows: &before.follows };
            let slots: Vec<Slot> =
                workload.places.iter().map(|place| as_asked(workload, &place.slot, tags)).collect();
            rewrite(namespace, &slots, &record, change, |tag| tags.known(tag))
        }
        Origin::Touched { targets, .. } => rewrite(namespace, &slots(), &record, Change::Stored, |tag| {
            targets.get(tag).map_or(Known::Unknown, |reference| Known::Current(reference))
        }),
    }
}

/// A slot as it was asked for, before an earlier answer to this same update rewrote it.
///
/// The API server asks again when another webhook changed the object after us. The old object is then still the old one,
/// and the image that we wrote would look like one that a person wrote. The record that the object bears tells: what it
/// says was written for a Tag, and would be written for it now, stands for the Tag's name. A slot that followed the Tag
/// before is not looked at in this way: undoing a roll-out brings the record of that time along, and is to stick.
fn as_asked(workload: &Workload, slot: &Slot, tags: &Tags<'_>) -> Slot {
    let waits = |tag: &str| placeholder(&workload.namespace, tag);
    let noted = workload.record.as_ref().and_then(|record| record.get(&slot.name));
    let Some(noted) = noted.filter(|noted| noted.image == slot.image) else { return slot.clone() };
    let followed = workload.before().and_then(|before| before.followed(&slot.name));
    let has_moved = followed.is_some_and(|old| old.tag == noted.tag && old.image != waits(&old.tag));
    let is_ours = noted.image == waits(&noted.tag) || tags.known(&noted.tag) == Known::Current(&noted.image);
    match is_ours && !has_moved {
        true => Slot { name: slot.name.clone(), image: noted.tag.clone() },
        false => slot.clone(),
    }
}

/// Leaves alone what is stored, and can't be changed any more or not yet: every update of such an object would fail
/// otherwise. A Job's template is fixed for good; a bare Pod's image can be changed, but not to one that is still to come.
fn leave_what_cannot_change(workload: &Workload, rewritten: &mut Rewritten) {
    let Some(before) = workload.before().filter(|_| !workload.kind.rolls_out()) else { return };
    for Place { slot, .. } in workload.places.iter().filter(|place| before.had(&place.slot)) {
        let waits = rewritten.pending.remove(&slot.name).is_some();
        let changes = rewritten.follows.get(&slot.name).is_some_and(|follow| follow.image != slot.image);
        if changes && (waits || workload.kind == Kind::Job) {
            rewritten.images.remove(&slot.name);
            rewritten.follows.remove(&slot.name);
        }
    }
}

fn hope(workload: &Workload, rewritten: &Rewritten, tags: &Tags<'_>) -> Option<Hope> {
    if matches!(workload.origin, Origin::Touched { .. }) {
        return None;
    }
    let news = workload.places.iter().map(|place| &place.slot);
    let hopes = news.filter_map(|slot| match rewritten.pending.get(&slot.name) {
        Some(tag) => (*tag == slot.image && !waited_before(workload, slot, tag)).then_some(Hope::Generation),
        None => {
            let is_final = !workload.kind.rolls_out() || refuse::is_refused(workload, slot, rewritten);
            let may_come = !rewritten.follows.contains_key(&slot.name)
                && !workload.before().is_some_and(|before| before.had(slot))
                && could_name_a_tag(&slot.image)
                && tags.known(&slot.image) == Known::Unknown;
            (is_final && may_come).then_some(Hope::Tag)
        }
    });
    hopes.max()
}

/// Whether a slot had the placeholder of this Tag already: whoever edits such a workload need not wait each time.
fn waited_before(workload: &Workload, slot: &Slot, tag: &str) -> bool {
    let followed = workload.before().and_then(|before| before.followed(&slot.name));
    followed.is_some_and(|old| old.tag == tag && old.image == placeholder(&workload.namespace, tag))
}

/// Whether a Kubernetes object may have this name: only then can it be a Tag that is still to come.
fn could_name_a_tag(image: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    image.len() <= 253 && image.split('.').all(is_label)
}

fn patch(workload: &Workload, rewritten: &Rewritten) -> Vec<Operation> {
    let images = workload.places.iter().filter_map(|Place { slot, pointer }| {
        let image = &rewritten.follows.get(&slot.name)?.image;
        let operation = || Operation::Replace { path: pointer.clone(), value: image.clone() };
        (*image != slot.image).then(operation)
    });
    images.chain(record_patch(workload, rewritten)).collect()
}

fn record_patch(workload: &Workload, rewritten: &Rewritten) -> Option<Operation> {
    let path = record_pointer();
    if rewritten.follows.is_empty() {
        return workload.record.as_ref().map(|_| Operation::Remove { path });
    }
    // A record is two maps of texts: writing it can't fail. If it did, the workload would do without.
    let value = serde_json::to_string(&rewritten.follows).ok()?;
    match &workload.record {
        Some(record) if *record == rewritten.follows => None,
        Some(_) => Some(Operation::Replace { path, value }),
        None => Some(Operation::Add { path, value }),
    }
}

fn warnings(workload: &Workload, rewritten: &Rewritten) -> Vec<String> {
    let namespace = &workload.namespace;
    let pending = rewritten.pending.iter().map(|(slot, tag)| {
        format!("Tag {namespace}/{tag} has no generation yet; {slot} gets its image as soon as there is one")
    });
    let detached = rewritten.detached.iter().map(|(slot, tag)| {
        format!(
            "{slot} follows Tag {namespace}/{tag} no more; to have it follow again, set its image to {tag}"
        )
    });
    let told: Vec<String> = match &workload.origin {
        Origin::Updated(_) => pending.chain(detached).collect(),
        Origin::Created => pending.collect(),
        Origin::Touched { .. } => Vec::new(),
    };
    told.iter().map(|warning| on_one_line(warning)).collect()
}

#[cfg(test)]
mod tests;
