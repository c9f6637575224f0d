use super::*;
use rstest::rstest;
use serde_json::{Value, json};
use tagger_api::index::TagIndex;

use crate::testing::{Asked, NEW, OLD, WAITS, index};

/// The answer's image and record, with the request's object patched.
fn after(asked: &Asked, index: &TagIndex) -> Asked {
    let verdict = asked.judged(index);
    asked.with_answer(&verdict.answer)
}

fn refused(asked: &Asked, index: &TagIndex) -> String {
    match asked.judged(index).answer {
        Answer::Refused(refusal) => refusal.message,
        other => panic!("{other:?} is no refusal"),
    }
}

#[rstest]
#[case::a_tag_s_name("myapp", Some(NEW), NEW)]
#[case::a_tag_that_is_also_called_like_a_real_image("nginx", Some(NEW), NEW)]
#[case::another_image("docker.io/library/nginx:1", None, "docker.io/library/nginx:1")]
#[case::a_name_that_is_no_tag("busybox", None, "busybox")]
#[case::the_name_with_a_tag("myapp:latest", None, "myapp:latest")]
fn creating_writes_references_for_names(
    #[case] image: &str,
    #[case] written: Option<&str>,
    #[case] image_after: &str,
) {
    let index = index(&[("myapp", Some(NEW)), ("nginx", Some(NEW))]);
    let after = after(&Asked::create("Deployment", image), &index);
    assert_eq!(after.image(), image_after);
    assert_eq!(after.recorded().as_deref(), written, "the record holds what was written");
}

#[test]
fn only_images_and_the_record_are_patched_and_each_by_its_own_pointer() {
    let mut asked = Asked::create("CronJob", "myapp");
    asked.pod_spec()["initContainers"] =
        json!([{ "name": "init", "image": "docker.io/a/b:c" }, { "name": "i2", "image": "myapp" }]);
    asked.pod_spec()["volumes"] = json!([{ "name": "data", "image": { "reference": "myapp" } }]);
    let verdict = asked.judged(&index(&[("myapp", Some(NEW))]));
    let Answer::Allowed { patch, warnings } = verdict.answer else { panic!("it is allowed") };
    let paths: Vec<String> = patch
        .iter()
        .map(|operation| serde_json::to_value(operation).unwrap())
        .map(|it| format!("{} {}", it["op"].as_str().unwrap(), it["path"].as_str().unwrap()))
        .collect();
    let spec = "/spec/jobTemplate/spec/template/spec";
    assert_eq!(
        paths,
        [
            format!("replace {spec}/initContainers/1/image"),
            format!("replace {spec}/containers/0/image"),
            format!("replace {spec}/volumes/0/image/reference"),
            "add /metadata/annotations/images.io~1follows".to_owned(),
        ]
    );
    assert!(warnings.is_empty());
}

#[test]
fn nothing_is_patched_where_nothing_changes() {
    let index = index(&[("myapp", Some(NEW))]);
    assert_eq!(Asked::create("Deployment", "docker.io/a/b:c").judged(&index).answer, Answer::UNTOUCHED);
    let follows = Asked::stored("Deployment", OLD, Some(OLD));
    assert_eq!(follows.clone().updated_to(follows).judged(&index).answer, Answer::UNTOUCHED);
}

#[test]
fn a_record_that_cannot_be_read_is_taken_away_or_written_anew() {
    let index = index(&[("myapp", Some(NEW))]);
    for (image, recorded) in [("docker.io/a/b:c", None), ("myapp", Some(NEW))] {
        let mut asked = Asked::create("Deployment", image);
        asked.object["metadata"]["annotations"]["images.io/follows"] = json!("{not json");
        assert_eq!(after(&asked, &index).recorded().as_deref(), recorded);
    }
}

#[test]
fn what_is_detached_or_waits_is_told_to_whoever_did_it() {
    let follows = Asked::stored("Deployment", NEW, Some(NEW));
    let detached = follows.updated_to(Asked::stored("Deployment", "docker.io/a/b:c", Some(NEW)));
    let told = |asked: &Asked, tags: &[(&str, Option<&str>)]| match asked.judged(&index(tags)).answer {
        Answer::Allowed { warnings, .. } => warnings,
        Answer::Refused(refusal) => panic!("{refusal:?}"),
    };
    let warnings = told(&detached, &[("myapp", Some(NEW))]);
    assert_eq!(
        warnings,
        ["app follows Tag dev/myapp no more; to have it follow again, set its image to myapp"]
    );
    let warnings = told(&Asked::create("Deployment", "myapp"), &[("myapp", None)]);
    assert_eq!(warnings, ["Tag dev/myapp has no generation yet; app gets its image as soon as there is one"]);
}

#[rstest]
#[case::a_touch_brings_its_references(OLD, Some(OLD), r#"{"myapp":"NEW"}"#, NEW)]
#[case::one_of_another_tag_leaves_the_image(OLD, Some(OLD), r#"{"other":"NEW"}"#, OLD)]
#[case::one_without_references_leaves_the_image(OLD, Some(OLD), "{}", OLD)]
#[case::one_replaces_the_placeholder(WAITS, Some(WAITS), r#"{"myapp":"NEW"}"#, NEW)]
#[case::one_repairs_a_name_that_came_in_unseen("myapp", None, r#"{"myapp":"NEW"}"#, NEW)]
#[case::one_leaves_a_name_that_it_does_not_know("myapp", None, "{}", "myapp")]
fn our_own_touch_is_answered_the_same_whatever_the_index(
    #[case] stored: &str,
    #[case] recorded: Option<&str>,
    #[case] targets: &str,
    #[case] image_after: &str,
    #[values(None, Some(None), Some(Some(OLD)), Some(Some(NEW)))] known: Option<Option<&str>>,
) {
    let index = match known {
        None => index(&[]),
        Some(reference) => index(&[("myapp", reference)]),
    };
    let asked = Asked::stored("Deployment", stored, recorded).touched(&targets.replace("NEW", NEW));
    assert_eq!(asked.judged(&index).hope, None, "it never waits");
    assert_eq!(after(&asked, &index).image(), image_after);
}

#[rstest]
#[case::a_new_template_waits_for_a_generation(Asked::create("Deployment", "myapp"), Some(Hope::Generation))]
#[case::a_new_job_too(Asked::create("Job", "myapp"), Some(Hope::Generation))]
#[case::nobody_waits_for_a_full_reference(Asked::create("Job", "docker.io/a/b:c"), None)]
#[case::a_job_waits_for_a_name_that_may_be_a_tag(Asked::create("Job", "unknown"), Some(Hope::Tag))]
#[case::a_bare_pod_too(Asked::create("Pod", "unknown"), Some(Hope::Tag))]
#[case::a_name_with_a_path_is_no_tag(Asked::create("Job", "company/app"), None)]
#[case::a_name_with_a_tag_is_no_tag(Asked::create("Job", "app:1"), None)]
#[case::a_name_in_capitals_is_no_tag(Asked::create("Job", "App"), None)]
#[case::a_name_that_ends_with_a_dot_is_no_tag(Asked::create("Job", "app."), None)]
#[case::a_template_does_not_wait_since_it_can_be_mended(Asked::create("Deployment", "unknown"), None)]
#[case::a_strict_one_does_since_it_is_refused(Asked::create("Deployment", "unknown").strict(), Some(Hope::Tag))]
#[case::an_edit_of_one_that_waits_does_not(
    Asked::stored("Deployment", WAITS, Some(WAITS)).updated_to(Asked::stored("Deployment", WAITS, Some(WAITS))),
    None
)]
#[case::nor_does_its_manifest_applied_again(
    Asked::stored("Deployment", WAITS, Some(WAITS)).updated_to(Asked::stored("Deployment", "myapp", Some(WAITS))),
    None
)]
#[case::an_edit_of_a_job_does_not(
    Asked::stored("Job", "unknown", None).updated_to(Asked::stored("Job", "unknown", None)),
    None
)]
fn waiting(#[case] asked: Asked, #[case] hope: Option<Hope>) {
    assert_eq!(asked.judged(&index(&[("myapp", None)])).hope, hope);
}

#[test]
fn a_template_gets_the_placeholder_while_there_is_no_generation() {
    let after = after(&Asked::create("StatefulSet", "myapp"), &index(&[("myapp", None)]));
    assert_eq!((after.image(), after.recorded().as_deref()), (WAITS, Some(WAITS)));
}

#[rstest]
#[case("Job")]
#[case("Pod")]
fn what_can_not_be_changed_later_is_refused_while_there_is_no_generation(#[case] kind: &str) {
    let message = refused(&Asked::create(kind, "myapp"), &index(&[("myapp", None)]));
    let expected = format!(
        "Tag dev/myapp has no generation yet, so {kind} web can't be given an image: wait for it with \
         `kubectl wait --for=condition=Ready tag/myapp -n dev` and create it again"
    );
    assert_eq!(message, expected);
}

#[rstest]
#[case::a_name_in_a_job("Job", "myapp", None, Some(NEW))]
#[case::a_name_in_a_job_that_waits("Job", "myapp", None, None)]
#[case::a_name_in_a_pod_that_waits("Pod", "myapp", None, None)]
#[case::a_placeholder_in_a_pod("Pod", WAITS, Some(WAITS), None)]
#[case::a_reference_in_a_job("Job", OLD, Some(OLD), Some(NEW))]
fn what_is_stored_and_fixed_can_always_be_edited(
    #[case] kind: &str,
    #[case] image: &str,
    #[case] recorded: Option<&str>,
    #[case] known: Option<&str>,
) {
    let stored = Asked::stored(kind, image, recorded);
    let asked = stored.clone().updated_to(stored);
    let verdict = asked.judged(&index(&[("myapp", known)]));
    assert_eq!(verdict, Verdict { answer: Answer::UNTOUCHED, hope: None });
}

#[test]
fn a_job_s_unchanged_manifest_can_be_applied_again() {
    let asked = Asked::stored("Job", OLD, Some(OLD)).updated_to(Asked::stored("Job", "myapp", Some(OLD)));
    assert_eq!(after(&asked, &index(&[("myapp", Some(NEW))])).image(), OLD);
}

#[test]
fn a_bare_pod_is_repaired_where_it_stands() {
    let stored = Asked::stored("Pod", "myapp", None);
    let asked = stored.clone().updated_to(stored);
    assert_eq!(after(&asked, &index(&[("myapp", Some(NEW))])).image(), NEW);
}

#[rstest]
#[case::a_tag("myapp", true)]
#[case::a_reference_with_a_registry("quay.io/company/app:1", true)]
#[case::a_reference_with_a_port("localhost:5000/app", true)]
#[case::a_single_word("nginx", false)]
#[case::a_path_without_a_registry("company/app:1", false)]
#[case::what_is_no_reference("A B", false)]
fn a_strict_workload_may_have(#[case] image: &str, #[case] allowed: bool) {
    let index = index(&[("myapp", Some(NEW))]);
    for kind in ["Deployment", "Job", "Pod"] {
        let asked = Asked::create(kind, image).strict();
        match allowed {
            true => assert!(matches!(asked.judged(&index).answer, Answer::Allowed { .. }), "{kind}"),
            false => assert!(refused(&asked, &index).contains(image), "{kind}"),
        }
    }
}

#[test]
fn a_strict_refusal_names_the_slot_the_image_and_what_to_do() {
    let message = refused(&Asked::create("Deployment", "nginx").strict(), &index(&[]));
    let expected = "Deployment web is annotated image-tag: \"strict\", but the image \"nginx\" of app is neither a Tag of \
                    namespace dev nor a reference with a registry: create Tag dev/nginx, or write the image with its \
                    registry, such as docker.io/library/nginx:latest";
    assert_eq!(message, expected);
}

#[test]
fn a_strict_workload_can_be_edited_around_what_it_has_and_touched_by_us() {
    let stored = Asked::stored("Deployment", "nginx", None).strict();
    let edited = stored.clone().updated_to(stored.clone());
    assert_eq!(edited.judged(&index(&[])).answer, Answer::UNTOUCHED);
    let changed = stored.clone().updated_to(Asked::stored("Deployment", "busybox", None).strict());
    assert!(refused(&changed, &index(&[])).contains("busybox"));
    let mut touched = edited;
    touched.manager = "tagger";
    assert_eq!(touched.judged(&index(&[])).answer, Answer::UNTOUCHED);
    let mut in_our_name = changed;
    in_our_name.manager = "tagger";
    assert!(refused(&in_our_name, &index(&[])).contains("busybox"));
}

/// Other webhooks may change the object after us, and then we are asked again, about our own answer.
#[test]
fn asking_again_about_the_answer_changes_nothing() {
    let images = ["myapp", "other", "nginx", OLD, NEW, WAITS];
    let records = [None, Some(OLD), Some(NEW), Some(WAITS)];
    let indexes =
        [index(&[]), index(&[("myapp", None)]), index(&[("myapp", Some(OLD)), ("other", Some(NEW))]), {
            index(&[("myapp", Some(NEW)), ("other", None)])
        }];
    let mut asked = Vec::new();
    for image in images {
        for recorded in records {
            let new = Asked::stored("Deployment", image, recorded);
            asked.push(new.clone().created());
            asked.push(new.touched(&json!({ "myapp": NEW }).to_string()));
            for old_image in images {
                for old_record in records {
                    let old = Asked::stored("Deployment", old_image, old_record);
                    asked.push(old.updated_to(Asked::stored("Deployment", image, recorded)));
                }
            }
        }
    }
    for asked in asked {
        for index in &indexes {
            let once = after(&asked, index);
            let again = after(&once, index);
            assert_eq!(once.object, again.object, "first asked: {:?}", asked);
        }
    }
}

#[test]
fn the_pointer_of_the_record_is_the_one_that_a_patch_finds() {
    let mut object: Value = Asked::stored("Deployment", OLD, Some(OLD)).object;
    assert!(object.pointer_mut(&record_pointer()).is_some());
}

/// Nobody has looked at the names yet: the API server checks them after this webhook.
#[test]
fn what_is_told_is_one_line_whatever_was_sent() {
    let index = index(&[("myapp", None)]);
    let mut asked = Asked::create("Deployment", "myapp");
    asked.pod_spec()["containers"][0]["name"] = json!("app\n\u{1b}[31m");
    let Answer::Allowed { warnings, .. } = asked.judged(&index).answer else { panic!("it is allowed") };
    assert!(warnings[0].contains("app\\n\\u{1b}[31m"), "{warnings:?}");
    assert!(!warnings[0].contains(char::is_control), "{warnings:?}");
    asked.pod_spec()["containers"][0]["image"] = json!("no registry\n");
    let Answer::Refused(refusal) = asked.strict().judged(&index).answer else { panic!("it is refused") };
    assert!(!refusal.message.contains(char::is_control), "{}", refusal.message);
}
