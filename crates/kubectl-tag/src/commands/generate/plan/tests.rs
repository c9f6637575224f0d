use super::*;
use rstest::rstest;

/// The Tags for some texts, as `namespace/name from`, and what is told.
fn planned(texts: &[&str], default: Option<&str>) -> (Vec<String>, Vec<String>) {
    let sources: Vec<Source> =
        texts.iter().enumerate().map(|(at, text)| Source::new(&format!("{at}.yaml"), text)).collect();
    let manifests: Vec<Manifests<'_>> = sources.iter().map(|source| read(source).unwrap()).collect();
    let plan = plan(&manifests, default);
    let tags = plan
        .tags
        .iter()
        .map(|tag| format!("{}/{} {}", tag.namespace.as_deref().unwrap_or("-"), tag.name, tag.from));
    (tags.collect(), plan.notes.iter().map(ToString::to_string).collect())
}

fn pod(namespace: &str, images: &[&str]) -> String {
    let containers: Vec<String> =
        images.iter().map(|image| format!("{{name: a, image: {image:?}}}")).collect();
    let containers = containers.join(", ");
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: {namespace:?}}}, spec: {{containers: [{containers}]}}}}\n"
    )
}

#[rstest]
#[case(&["nginx docker.io/library/nginx:latest index.docker.io/nginx"], &["a/nginx docker.io/library/nginx:latest"])]
#[case(&["nginx:1", "nginx:1"], &["a/nginx nginx:1"])]
#[case(&["quay.io/x/b", "quay.io/x/a"], &["a/a quay.io/x/a:latest", "a/b quay.io/x/b:latest"])]
fn an_image_has_one_tag_however_it_is_written(#[case] pods: &[&str], #[case] expected: &[&str]) {
    let mut texts: Vec<String> =
        pods.iter().map(|images| pod("a", &images.split(' ').collect::<Vec<_>>())).collect();
    for _ in 0..2 {
        let all: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(planned(&all, None).0, expected);
        texts.reverse();
    }
}

#[test]
fn every_namespace_has_its_own_tags() {
    let texts =
        [pod("b", &["quay.io/x/app:1"]), pod("a", &["quay.io/x/app:2"]), pod("", &["quay.io/x/app:3"])];
    let all: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(
        planned(&all, None).0,
        ["-/app quay.io/x/app:3", "a/app quay.io/x/app:2", "b/app quay.io/x/app:1"]
    );
    assert_eq!(
        planned(&all, Some("b")).0,
        ["a/app quay.io/x/app:2", "b/app-1 quay.io/x/app:1", "b/app-3 quay.io/x/app:3"]
    );
}

fn tag(spec: &str) -> String {
    format!("{{apiVersion: images.io/v1, kind: Tag, metadata: {{name: app, namespace: a}}, spec: {spec}}}\n")
}

#[rstest]
#[case::the_same_image("{from: quay.io/x/app}", "quay.io/x/app:latest", &[])]
#[case::another_image("{from: quay.io/x/app:2}", "quay.io/y/app:1", &["a/app-3401b7 quay.io/y/app:1"])]
#[case::a_policy("{from: quay.io/x/app, policy: {numerical: {}}}", "quay.io/x/app:latest", &["a/app-e64c8d quay.io/x/app:latest"])]
fn a_tag_of_the_manifests_is_used(#[case] spec: &str, #[case] image: &str, #[case] expected: &[&str]) {
    let (pod, tag) = (pod("a", &[image]), tag(spec));
    for texts in [[pod.as_str(), &tag], [&tag, &pod]] {
        assert_eq!(planned(&texts, None).0, expected);
    }
}

#[test]
fn a_name_of_a_tag_is_no_image() {
    let (pod, tag) = (pod("a", &["app"]), tag("{from: quay.io/x/app:1}"));
    let (tags, notes) = planned(&[&pod, &tag], None);
    assert_eq!(tags, Vec::<String>::new());
    assert!(notes[0].starts_with("0.yaml:1: Pod a/p, container \"a\": no Tag:"), "{notes:?}");
}

#[rstest]
#[case("- kind: Pod\n", 1, 1)]
#[case("kind: Pod\n---\njust words\n", 2, 3)]
#[case("a: b\n---\na: &a\n  b: *a\n", 2, 3)]
fn what_is_no_object_is_refused(#[case] text: &str, #[case] document: usize, #[case] line: usize) {
    let source = Source::new("a.yaml", text);
    let flaw = read(&source).unwrap_err();
    assert_eq!((flaw.document, flaw.line), (document, line));
}
