use super::*;
use crate::steering::example::tag;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[case::to_the_next_that_is_known(Some(2), 2, &[5, 4, 2], Step::Select(4))]
#[case::and_a_new_one_at_the_newest(Some(5), 5, &[5, 4, 2], Step::Import(6))]
#[case::a_tag_that_follows_is_at_its_newest(None, 5, &[5, 4, 2], Step::Import(6))]
#[case::also_one_that_was_unpinned_a_moment_ago(None, 2, &[5, 4, 2], Step::Import(6))]
#[case::on_from_a_step_that_was_just_asked_for(Some(4), 2, &[5, 4, 2], Step::Select(5))]
#[case::from_where_it_is_when_its_number_is_refused(Some(9), 2, &[5, 4, 2], Step::Select(4))]
#[case::a_new_one_that_was_asked_for_is_the_same(Some(6), 5, &[5, 4, 2], Step::Import(6))]
fn an_upgrade_goes_up_by_one(
    #[case] named: Option<i64>,
    #[case] current: i64,
    #[case] there: &[i64],
    #[case] step: Step,
) {
    assert_eq!(upgrade(&tag(json!({ "generation": named }), Some(current), there)).unwrap(), step);
}

#[rstest]
#[case::to_the_next_that_is_known(Some(5), 5, &[5, 2, 1], Some(Step::Select(2)))]
#[case::of_a_tag_that_follows(None, 5, &[5, 2, 1], Some(Step::Select(2)))]
#[case::on_from_a_step_that_was_just_asked_for(Some(2), 5, &[5, 2, 1], Some(Step::Select(1)))]
#[case::from_where_it_is_while_it_imports(Some(6), 5, &[5, 2, 1], Some(Step::Select(2)))]
#[case::not_below_the_oldest(Some(1), 1, &[5, 2, 1], None)]
fn a_downgrade_goes_down_by_one(
    #[case] named: Option<i64>,
    #[case] current: i64,
    #[case] there: &[i64],
    #[case] step: Option<Step>,
) {
    assert_eq!(downgrade(&tag(json!({ "generation": named }), Some(current), there)).ok(), step);
}

#[test]
fn before_the_first_import_there_is_no_step_but_an_import() {
    let new = tag(json!({}), None, &[]);
    assert_eq!(import(&new).unwrap(), Step::Import(0));
    assert!(upgrade(&new).is_err() && downgrade(&new).is_err() && pin(&new, None).is_err());
}

#[test]
fn an_import_makes_the_next_wherever_the_tag_is() {
    let held = tag(json!({ "generation": 1 }), Some(1), &[3, 2, 1]);
    assert_eq!(import(&held).unwrap(), Step::Import(4));
}

#[test]
fn what_is_named_by_its_digest_is_upgraded_only_to_another() {
    let fixed = |digit: u8| json!({ "from": format!("quay.io/a/b@sha256:{digit:064x}"), "generation": 0 });
    let mut here = tag(fixed(7), Some(0), &[0]);
    let from = here.spec.from.clone();
    let status = here.status.as_mut().unwrap();
    status.references = status.references.map(|known| {
        let mut known = known.clone();
        known.from.clone_from(&from);
        known
    });
    assert!(matches!(upgrade(&here), Err(Problem::NoStep(..))));
    assert_eq!(import(&here).unwrap(), Step::Import(1), "who asks for it gets it");
    here.spec.from = tag(fixed(8), None, &[]).spec.from;
    assert_eq!(upgrade(&here).unwrap(), Step::Import(1), "another digest waits for the next number");
}

#[test]
fn a_suspended_tag_imports_nothing_and_may_be_told_where_to_go_on() {
    let suspended = tag(json!({ "suspend": true, "generation": 1 }), Some(1), &[1, 0]);
    assert!(import(&suspended).is_err() && upgrade(&suspended).is_err());
    assert_eq!(downgrade(&suspended).unwrap(), Step::Select(0));
}

#[rstest]
#[case::to_the_one_that_is_named(Some(2), Some(Step::Pin(2)))]
#[case::or_to_the_current_one(None, Some(Step::Pin(3)))]
#[case::and_to_none_that_is_not_there(Some(9), None)]
fn a_tag_is_pinned(#[case] wanted: Option<i64>, #[case] step: Option<Step>) {
    assert_eq!(pin(&tag(json!({}), Some(3), &[3, 2]), wanted).ok(), step);
}
