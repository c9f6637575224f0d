use super::super::plan::{plan, read};
use super::super::source::Source;
use super::*;
use rstest::rstest;

mod properties;

/// The rewritten text, and what is told.
fn rewritten(text: &str) -> (String, Vec<String>) {
    let source = Source::new("a.yaml", text);
    let manifests = [read(&source).unwrap()];
    let rewritten = rewrite(&plan(&manifests, None), 0, &manifests[0]).unwrap();
    (rewritten.text, rewritten.notes.iter().map(ToString::to_string).collect())
}

/// Lines of a Pod with this image, below its metadata.
fn pod(metadata: &str, image: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\n{metadata}spec:\n  containers:\n  - name: a\n    image: {image}\n")
}

#[rstest]
#[case("metadata:\n  name: a\n", "metadata:\n  annotations:\n    image-tag: \"true\"\n  name: a\n")]
#[case(
    "metadata: # m\n\n    # n\n    name: a\n",
    "metadata: # m\n    annotations:\n      image-tag: \"true\"\n\n    # n\n    name: a\n"
)]
#[case(
    "metadata:\n  annotations:\n    b: c\n",
    "metadata:\n  annotations:\n    image-tag: \"true\"\n    b: c\n"
)]
#[case(
    "metadata:\n  annotations:\n    # b\n    b: |\n      c\n",
    "metadata:\n  annotations:\n    image-tag: \"true\"\n    # b\n    b: |\n      c\n"
)]
#[case(
    "metadata:\n  annotations:\n  name: a\n",
    "metadata:\n  annotations: {image-tag: \"true\"}\n  name: a\n"
)]
#[case(
    "metadata:\n  name: a\n  annotations:\n",
    "metadata:\n  name: a\n  annotations: {image-tag: \"true\"}\n"
)]
#[case("metadata:\n  annotations: null # n\n", "metadata:\n  annotations: {image-tag: \"true\"} # n\n")]
#[case("metadata:\n  annotations: ~\n", "metadata:\n  annotations: {image-tag: \"true\"}\n")]
#[case("metadata:\n  annotations: {}\n", "metadata:\n  annotations: {\"image-tag\": \"true\"}\n")]
#[case("metadata:\n  annotations: { b: c }\n", "metadata:\n  annotations: { image-tag: \"true\", b: c }\n")]
#[case("metadata: {name: a}\n", "metadata: {annotations: {image-tag: \"true\"}, name: a}\n")]
#[case("metadata: {name: a, annotations: }\n", "metadata: {name: a, annotations: {image-tag: \"true\"} }\n")]
#[case(
    "metadata: {\"name\":\"a\"}\n",
    "metadata: {\"annotations\": {\"image-tag\": \"true\"},\"name\":\"a\"}\n"
)]
#[case(
    "metadata: {\n  \"name\": \"a\"}\n",
    "metadata: {\n  \"annotations\": {\"image-tag\": \"true\"},\n  \"name\": \"a\"}\n"
)]
#[case("metadata: {}\n", "metadata: {\"annotations\": {\"image-tag\": \"true\"}}\n")]
#[case("metadata: &m\n  name: a\n", "metadata: &m\n  annotations:\n    image-tag: \"true\"\n  name: a\n")]
#[case("metadata:\n  annotations: {image-tag: strict}\n", "metadata:\n  annotations: {image-tag: strict}\n")]
fn the_annotation_goes_where_the_metadata_is(#[case] before: &str, #[case] after: &str) {
    for end in ["\n", "\r\n"] {
        let (text, notes) = rewritten(&pod(before, "quay.io/a/b:1").replace('\n', end));
        assert_eq!(text, pod(after, "b").replace('\n', end));
        assert_eq!(notes, Vec::<String>::new());
    }
}

#[rstest]
#[case("quay.io/a/b:1   # c", "b   # c")]
#[case("'quay.io/a/b:1'  # c", "'b'  # c")]
#[case("\"quay.io/a/b:1\" ", "\"b\" ")]
#[case("&b quay.io/a/b:1", "&b b")]
#[case("!!str 'quay.io/a/b:1'", "!!str 'b'")]
#[case("\n      quay.io/a/b:1", "\n      b")]
#[case("quay.io/a/123:1", "\"123\"")]
#[case("quay.io/a/true:1", "\"true\"")]
#[case("quay.io/a/null:1", "\"null\"")]
fn the_name_is_written_as_the_image_was(#[case] before: &str, #[case] after: &str) {
    let annotated = "metadata:\n  annotations: {image-tag: \"true\"}\n";
    assert_eq!(rewritten(&pod(annotated, before)), (pod(annotated, after), vec![]));
}

#[rstest]
#[case("metadata: *m\n", "an anchor shares the object's metadata")]
#[case("metadata:\n  <<: *m\n", "an anchor shares the object's metadata")]
#[case("metadata:\n  annotations: *n\n", "an anchor shares the object's metadata")]
#[case("metadata:\n  ? name\n  : a\n", "nothing can be added to")]
#[case("metadata:\n  annotations:\n    ? b\n    : c\n", "nothing can be added to")]
#[case("metadata:\n  annotations:\n    &x\n    b: c\n", "nothing can be added to")]
#[case("metadata: []\n", "nothing can be added to")]
#[case("", "it has no metadata")]
fn where_no_annotation_can_be_added_all_stays(#[case] metadata: &str, #[case] because: &str) {
    let text = format!("shared: &m {{annotations: &n {{b: c}}}}\n{}", pod(metadata, "quay.io/a/b:1"));
    let (unchanged, notes) = rewritten(&text);
    assert_eq!(unchanged, text);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains(because), "{notes:?}");
}

#[rstest]
#[case(">-\n      quay.io/a/b:1", "not written in one piece")]
#[case("\"quay.io/a/\\\n      b:1\"", "not written in one piece")]
fn an_image_in_several_pieces_stays(#[case] image: &str, #[case] because: &str) {
    let text = pod("metadata: {name: a}\n", image);
    let (unchanged, notes) = rewritten(&text);
    assert_eq!(unchanged, text);
    assert!(notes[0].contains(because), "{notes:?}");
}

/// Two Pods of a list, the second with an alias.
fn two(first: &str, second: &str) -> String {
    let pod = |name: &str, spec: &str| {
        format!(
            "- {{apiVersion: v1, kind: Pod, metadata: {{annotations: {{image-tag: \"true\"}}, {name}}}, spec: {spec}}}\n"
        )
    };
    format!("kind: List\napiVersion: v1\nitems:\n{}{}", pod("name: a", first), pod("name: b", second))
}

#[rstest]
#[case::the_same_image_twice(
    "{containers: [{name: a, image: &i quay.io/a/b:1}, {name: b, image: *i}]}",
    "{containers: [{name: a, image: *i}]}",
    "{containers: [{name: a, image: &i b}, {name: b, image: *i}]}",
    "{containers: [{name: a, image: *i}]}"
)]
#[case::all_containers(
    "&s {containers: [{name: a, image: quay.io/a/b:1}]}",
    "*s",
    "&s {containers: [{name: a, image: b}]}",
    "*s"
)]
#[case::merged(
    "{containers: [&c {name: a, image: quay.io/a/b:1}]}",
    "{containers: [{<<: *c, name: b}]}",
    "{containers: [&c {name: a, image: b}]}",
    "{containers: [{<<: *c, name: b}]}"
)]
#[case::merged_and_replaced(
    "{containers: [&c {name: a, image: quay.io/a/b:1}]}",
    "{containers: [{<<: *c, name: b, image: quay.io/a/c:1}]}",
    "{containers: [&c {name: a, image: b}]}",
    "{containers: [{<<: *c, name: b, image: c}]}"
)]
#[case::an_alias_of_what_must_stay(
    "{containers: [{name: &i quay.io/a/b:1, image: quay.io/a/c:1}]}",
    "{containers: [{name: b, image: *i}]}",
    "{containers: [{name: &i quay.io/a/b:1, image: c}]}",
    "{containers: [{name: b, image: b}]}"
)]
fn a_shared_text_changes_where_all_that_it_means_changes(
    #[case] first: &str,
    #[case] second: &str,
    #[case] first_after: &str,
    #[case] second_after: &str,
) {
    assert_eq!(rewritten(&two(first, second)), (two(first_after, second_after), vec![]));
}

#[test]
fn an_image_that_is_also_something_else_stays() {
    let text = two(
        "{containers: [{name: a, image: &i quay.io/a/b:1}]}",
        "{containers: [{name: b, image: quay.io/a/c:1, command: [*i]}]}",
    );
    let (changed, notes) = rewritten(&text);
    assert_eq!(changed, text.replace("image: quay.io/a/c:1", "image: c"));
    assert!(notes[0].contains("an anchor shares it"), "{notes:?}");
}

#[test]
fn nothing_changes_in_a_text_that_names_its_tags() {
    let text = pod("metadata:\n  annotations: {image-tag: \"true\"}\n", "b");
    assert_eq!(rewritten(&text).0, text);
}
