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
fn creating(#[case] image: &str, #[case] known: Known<'static>, #[case] after: &str, #[case] attached: bool) {
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
    let rewritten = rewrite("dev", &slots, &follows(recorded), Change::Created, index(Known::Current(NEW)));
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
#[case::a_name_stored_while_the_webhook_was_away_is_repaired("myapp", None, Known::Current(NEW), NEW, true)]
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
    let slots =
        [slot("app", "myapp"), slot("sidecar", "docker.io/library/envoy:1"), slot("volume/data", "myapp")];
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
