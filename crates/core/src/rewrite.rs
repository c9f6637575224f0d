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
mod tests {
    use super::*;
    use rstest::rstest;

    const OLD: &str =
        "quay.io/company/myapp@sha256:0000000000000000000000000000000000000000000000000000000000000000";
    const NEW: &str =
        "quay.io/company/myapp@sha256:1111111111111111111111111111111111111111111111111111111111111111";
    const WAITS: &str = "tag.invalid/dev/myapp:pending";

    fn slots(image: &str) -> Vec<Slot> {
        vec![Slot { name: "app".into(), image: image.into() }]
    }

    fn follows(image: &str) -> Follows {
        [("app".to_owned(), Follow { tag: "myapp".into(), image: image.into() })].into()
    }

    /// An index that knows one Tag, `myapp`.
    fn index(known: Known<'static>) -> impl Fn(&str) -> Known<'static> {
        move |tag| if tag == "myapp" { known } else { Known::Unknown }
    }

    /// The image and the Tag followed, after.
    fn outcome(slots: &[Slot], rewritten: &Rewritten) -> (String, Option<String>) {
        let image = rewritten.images.get("app").unwrap_or(&slots[0].image).clone();
        if let Some(follow) = rewritten.follows.get("app") {
            assert_eq!(follow.image, image, "the record holds what was written");
        }
        (image, rewritten.follows.get("app").map(|follow| follow.tag.clone()))
    }

    #[rstest]
    #[case::a_tag_s_name_becomes_its_reference("myapp", Known::Current(NEW), NEW, true)]
    #[case::any_other_image_is_left_alone(
        "docker.io/library/nginx:1",
        Known::Current(NEW),
        "docker.io/library/nginx:1",
        false
    )]
    #[case::a_name_that_is_no_tag_is_left_alone("nginx", Known::Current(NEW), "nginx", false)]
    #[case::a_tag_without_a_generation_gets_the_placeholder("myapp", Known::Pending, WAITS, true)]
    #[case::a_tag_that_is_not_known_is_left_alone("myapp", Known::Unknown, "myapp", false)]
    #[case::the_reference_itself_does_not_attach(NEW, Known::Current(NEW), NEW, false)]
    fn creating(
        #[case] image: &str,
        #[case] known: Known<'static>,
        #[case] after: &str,
        #[case] attached: bool,
    ) {
        let slots = slots(image);
        let rewritten = rewrite("dev", &slots, &Follows::new(), Change::Created, index(known));
        assert_eq!(outcome(&slots, &rewritten), (after.to_owned(), attached.then(|| "myapp".to_owned())));
        assert_eq!(rewritten.pending.is_empty(), after != WAITS);
    }

    #[rstest]
    #[case::a_restored_backup_goes_on_following(OLD, OLD, OLD, true)]
    #[case::a_copy_with_another_image_does_not(
        "docker.io/library/nginx:1",
        OLD,
        "docker.io/library/nginx:1",
        false
    )]
    #[case::a_copy_that_names_the_tag_does("myapp", OLD, NEW, true)]
    fn creating_with_a_record(
        #[case] image: &str,
        #[case] recorded: &str,
        #[case] after: &str,
        #[case] attached: bool,
    ) {
        let slots = slots(image);
        let rewritten =
            rewrite("dev", &slots, &follows(recorded), Change::Created, index(Known::Current(NEW)));
        assert_eq!(outcome(&slots, &rewritten), (after.to_owned(), attached.then(|| "myapp".to_owned())));
    }

    #[rstest]
    #[case::applying_the_manifest_again_changes_nothing(OLD, "myapp", Known::Current(OLD), OLD, true)]
    #[case::nor_where_the_index_is_ahead(OLD, "myapp", Known::Current(NEW), OLD, true)]
    #[case::nor_where_the_index_is_behind(NEW, "myapp", Known::Current(OLD), NEW, true)]
    #[case::nor_where_the_index_knows_no_tag(NEW, "myapp", Known::Unknown, NEW, true)]
    #[case::nor_where_the_tag_lost_its_generations(NEW, "myapp", Known::Pending, NEW, true)]
    #[case::editing_something_else_changes_nothing(OLD, OLD, Known::Current(NEW), OLD, true)]
    #[case::another_image_detaches(
        NEW,
        "docker.io/library/nginx:1",
        Known::Current(NEW),
        "docker.io/library/nginx:1",
        false
    )]
    #[case::an_older_generation_by_hand_detaches(NEW, OLD, Known::Current(NEW), OLD, false)]
    #[case::also_where_the_index_still_has_that_one(NEW, OLD, Known::Current(OLD), OLD, false)]
    #[case::the_placeholder_is_replaced_when_there_is_more(WAITS, "myapp", Known::Current(NEW), NEW, true)]
    #[case::the_placeholder_stays_while_there_is_not(WAITS, "myapp", Known::Pending, WAITS, true)]
    fn updating_a_slot_that_follows(
        #[case] was: &str,
        #[case] asked: &str,
        #[case] known: Known<'static>,
        #[case] after: &str,
        #[case] attached: bool,
    ) {
        let (old, new, record) = (slots(was), slots(asked), follows(was));
        let change = Change::Updated { slots: &old, follows: &record };
        let rewritten = rewrite("dev", &new, &record, change, index(known));
        assert_eq!(outcome(&new, &rewritten), (after.to_owned(), attached.then(|| "myapp".to_owned())));
        assert_eq!(rewritten.detached.len(), usize::from(!attached));
    }

    #[rstest]
    #[case::the_tag_s_name_attaches_again("docker.io/library/nginx:1", "myapp", NEW, true)]
    #[case::a_name_stored_while_the_webhook_was_away_attaches("myapp", "myapp", NEW, true)]
    #[case::the_tag_s_reference_does_not_attach("docker.io/library/nginx:1", NEW, NEW, false)]
    fn updating_a_slot_that_follows_nothing(
        #[case] was: &str,
        #[case] asked: &str,
        #[case] after: &str,
        #[case] attached: bool,
    ) {
        let (old, new) = (slots(was), slots(asked));
        let change = Change::Updated { slots: &old, follows: &Follows::new() };
        let rewritten = rewrite("dev", &new, &Follows::new(), change, index(Known::Current(NEW)));
        assert_eq!(outcome(&new, &rewritten), (after.to_owned(), attached.then(|| "myapp".to_owned())));
        assert!(rewritten.detached.is_empty());
    }

    #[test]
    fn undoing_a_rollout_sticks_though_it_brings_the_record_of_that_time_along() {
        let (old, new) = (slots(NEW), slots(OLD));
        let (now, then) = (follows(NEW), follows(OLD));
        let change = Change::Updated { slots: &old, follows: &now };
        let rewritten = rewrite("dev", &new, &then, change, index(Known::Current(NEW)));
        assert_eq!(outcome(&new, &rewritten), (OLD.to_owned(), None));
        assert_eq!(rewritten.detached["app"], "myapp");
    }

    #[rstest]
    #[case::a_roll_out_moves_what_follows(OLD, Some(OLD), Known::Current(NEW), NEW, true)]
    #[case::a_step_back_too(NEW, Some(NEW), Known::Current(OLD), OLD, true)]
    #[case::done_twice_it_is_as_done_once(NEW, Some(NEW), Known::Current(NEW), NEW, true)]
    #[case::the_placeholder_becomes_an_image(WAITS, Some(WAITS), Known::Current(NEW), NEW, true)]
    #[case::a_name_stored_while_the_webhook_was_away_is_repaired(
        "myapp",
        None,
        Known::Current(NEW),
        NEW,
        true
    )]
    #[case::also_over_an_older_record("myapp", Some(OLD), Known::Current(NEW), NEW, true)]
    #[case::a_tag_made_anew_without_a_generation_leaves_the_image(OLD, Some(OLD), Known::Pending, OLD, true)]
    #[case::a_tag_that_is_gone_leaves_the_image(OLD, Some(OLD), Known::Unknown, OLD, true)]
    #[case::an_image_set_while_the_webhook_was_away_is_left(
        "docker.io/library/nginx:1",
        Some(OLD),
        Known::Current(NEW),
        "docker.io/library/nginx:1",
        false
    )]
    #[case::what_follows_nothing_is_left(OLD, None, Known::Current(NEW), OLD, false)]
    fn rolling_out(
        #[case] stored: &str,
        #[case] recorded: Option<&str>,
        #[case] known: Known<'static>,
        #[case] after: &str,
        #[case] attached: bool,
    ) {
        let slots = slots(stored);
        let record = recorded.map(follows).unwrap_or_default();
        let rewritten = rewrite("dev", &slots, &record, Change::Stored, index(known));
        assert_eq!(outcome(&slots, &rewritten), (after.to_owned(), attached.then(|| "myapp".to_owned())));
    }

    #[test]
    fn each_slot_is_judged_for_itself() {
        let slot = |name: &str, image: &str| Slot { name: name.into(), image: image.into() };
        let slots = [
            slot("app", "myapp"),
            slot("sidecar", "docker.io/library/envoy:1"),
            slot("volume/data", "myapp"),
        ];
        let rewritten = rewrite("dev", &slots, &Follows::new(), Change::Created, index(Known::Current(NEW)));
        assert_eq!(rewritten.images.keys().collect::<Vec<_>>(), ["app", "volume/data"]);
        assert_eq!(rewritten.follows.len(), 2);
    }

    #[test]
    fn a_renamed_container_is_a_new_one() {
        let old = slots(OLD);
        let new = [Slot { name: "web".into(), image: "myapp".into() }];
        let record = follows(OLD);
        let change = Change::Updated { slots: &old, follows: &record };
        let rewritten = rewrite("dev", &new, &record, change, index(Known::Current(NEW)));
        assert_eq!(rewritten.images["web"], NEW);
        assert_eq!(rewritten.follows.keys().collect::<Vec<_>>(), ["web"]);
    }
}
