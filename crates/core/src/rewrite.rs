//! The images that a workload should have.
//!
//! A workload names a Tag where an image would stand. From then on the container *follows* the Tag: what it follows, and
//! the image that was last written for it, are kept in a record on the workload ([`Follows`]). The record makes the
//! answer independent of how old the index of Tags is:
//!
//! * a person who writes the Tag's name for a container that follows it already changes nothing: the image stays;
//! * a person who writes another image detaches the container: the new image differs from the old object's, and no index
//!   is asked;
//! * only a roll-out moves the image of a container that follows, and it brings the references itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One place of a workload that bears an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The container's name, or `volume/` and the name of an image volume.
    pub name: String,
    /// The image as the workload has it.
    pub image: String,
}

/// What a slot follows, and the image that was last written for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The Tag, in the workload's own namespace.
    pub tag: String,
    /// The image that was written. A slot that bears another one was changed by somebody else since.
    pub image: String,
}

/// The record on a workload: which slot follows which Tag.
pub type Follows = BTreeMap<String, Follow>;

/// What is known of the Tag with some name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// There is no Tag of this name, or none that is known yet.
    Unknown,
    /// The Tag has no generation yet.
    Pending,
    /// The reference of the Tag's current generation.
    Current(&'a str),
}

/// What happened to the workload.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// It is being created.
    Created,
    /// Somebody updates it; this is how it was, with the record that it had.
    Updated {
        /// The slots before the update.
        slots: &'a [Slot],
        /// The record before the update.
        follows: &'a Follows,
    },
    /// It is stored as it stands, and is to be brought to the references that the Tags have now: a roll-out, or a repair.
    Stored,
}

/// A workload's images as they should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// The slots whose image changes, with the new image.
    pub images: BTreeMap<String, String>,
    /// The record to keep on the workload.
    pub follows: Follows,
    /// The slots that followed a Tag and do so no more, with the Tag.
    pub detached: BTreeMap<String, String>,
    /// The slots that name a Tag without a generation, with the Tag. They have the image [`placeholder`] makes.
    pub pending: BTreeMap<String, String>,
}

/// The image of a slot whose Tag has no generation yet: under a domain that never resolves, so no node can pull it.
pub fn placeholder(namespace: &str, tag: &str) -> String {
    format!("tag.invalid/{namespace}/{tag}:pending")
}

/// Says which images a workload should have, and what follows what.
///
/// `slots` are the workload's images as they are, or as they are asked for; `recorded` is the record that it bears;
/// `known` tells of a Tag by its name. Rewriting what was rewritten changes nothing.
pub fn rewrite<'a>(
    namespace: &str,
    slots: &[Slot],
    recorded: &Follows,
    change: Change<'_>,
    known: impl Fn(&str) -> Known<'a>,
) -> Rewritten {
    let mut rewritten = Rewritten::default();
    for slot in slots {
        let before = Before::of(slot, recorded, change);
        let written = |tag: &str| match known(tag) {
            Known::Unknown => None,
            Known::Pending => Some(placeholder(namespace, tag)),
            Known::Current(reference) => Some(reference.to_owned()),
        };
        let follow = match before.follow {
            Some(follow) if before.is_kept_by(slot) => Some(kept(namespace, follow, change, &known)),
            _ => written(&slot.image).map(|image| Follow { tag: slot.image.clone(), image }),
        };
        match (follow, before.followed) {
            (Some(follow), _) => rewritten.follow(namespace, slot, follow),
            (None, Some(tag)) => {
                rewritten.detached.insert(slot.name.clone(), tag.to_owned());
            }
            (None, None) => {}
        }
    }
    rewritten
}

/// A slot that goes on following is moved by a roll-out, and by any change while it still waits for its first image.
fn kept<'a>(
    namespace: &str,
    follow: &Follow,
    change: Change<'_>,
    known: impl Fn(&str) -> Known<'a>,
) -> Follow {
    let waits = follow.image == placeholder(namespace, &follow.tag);
    let image = match known(&follow.tag) {
        Known::Current(reference) if waits || matches!(change, Change::Stored) => reference.to_owned(),
        _ => follow.image.clone(),
    };
    Follow { tag: follow.tag.clone(), image }
}

/// What a slot followed until now.
struct Before<'a> {
    /// The entry of the record that counts, where the image before is the one that was written for it.
    follow: Option<&'a Follow>,
    /// The Tag of the entry that counts, even where somebody changed the image behind the record's back.
    followed: Option<&'a str>,
    /// The image before, where there was one.
    image: Option<&'a str>,
}

impl<'a> Before<'a> {
    /// The record of the old object is the one that counts: what an update brings along may be a copy of an older one.
    fn of(slot: &'a Slot, recorded: &'a Follows, change: Change<'a>) -> Self {
        let (image, follows) = match change {
            Change::Created | Change::Stored => (Some(slot.image.as_str()), recorded),
            Change::Updated { slots, follows } => {
                let old = slots.iter().find(|old| old.name == slot.name);
                (old.map(|old| old.image.as_str()), follows)
            }
        };
        let entry = follows.get(&slot.name).filter(|_| image.is_some());
        let follow = entry.filter(|entry| Some(entry.image.as_str()) == image);
        Self { follow, followed: entry.map(|entry| entry.tag.as_str()), image }
    }

    /// Whether the image stays, or its Tag is named again, which means the same.
    fn is_kept_by(&self, slot: &Slot) -> bool {
        self.image == Some(slot.image.as_str()) || self.follow.is_some_and(|follow| follow.tag == slot.image)
    }
}

impl Rewritten {
    fn follow(&mut self, namespace: &str, slot: &Slot, follow: Follow) {
        if follow.image == placeholder(namespace, &follow.tag) {
            self.pending.insert(slot.name.clone(), follow.tag.clone());
        }
        if follow.image != slot.image {
            self.images.insert(slot.name.clone(), follow.image.clone());
        }
        self.follows.insert(slot.name.clone(), follow);
    }
}

#[cfg(test)]
mod tests;
