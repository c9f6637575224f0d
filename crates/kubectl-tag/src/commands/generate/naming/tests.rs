use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn image(text: &str) -> Reference {
    super::super::verdict::meant(&text.parse().unwrap())
}

fn named(images: &[&str], taken: &[&str]) -> Vec<String> {
    let set = images.iter().map(|text| image(text)).collect();
    let names = names(&set, &taken.iter().map(|name| (*name).to_owned()).collect());
    images.iter().map(|text| names[&image(text)].clone()).collect()
}

#[rstest]
#[case(&["quay.io/company/myapp:latest"], &["myapp"])]
#[case(&["quay.io/company/myapp:1.2"], &["myapp"])]
#[case(&["nginx"], &["nginx"])]
#[case(&["quay.io/company/my_app.web:1"], &["my-app-web"])]
#[case(&["quay.io/company/myapp:1.2", "quay.io/company/myapp:1.3"], &["myapp-1-2", "myapp-1-3"])]
#[case(&["quay.io/company/myapp", "quay.io/company/myapp:1.2"], &["myapp", "myapp-1-2"])]
#[case(&["quay.io/company/myapp", "quay.io/other/myapp"], &["company-myapp", "other-myapp"])]
#[case(&["quay.io/company/myapp:1", "quay.io/other/myapp:2"], &["company-myapp", "other-myapp"])]
#[case(&["quay.io/company/myapp:1", "quay.io/company/myapp:2", "quay.io/other/myapp:2"], &["company-myapp-1", "company-myapp-2", "other-myapp"])]
#[case(&["quay.io/a/x/myapp", "quay.io/b/x/myapp"], &["a-x-myapp", "b-x-myapp"])]
#[case(&["quay.io/company/myapp", "ghcr.io/company/myapp"], &["quay-io-company-myapp", "ghcr-io-company-myapp"])]
#[case(&["localhost:5000/myapp", "[::1]:5000/myapp"], &["localhost-5000-myapp", "1-5000-myapp"])]
#[case(&["redis", "quay.io/company/redis"], &["library-redis", "company-redis"])]
#[case(&["quay.io/a/b:RC_1", "quay.io/a/b:_"], &["b-rc-1", "b"])]
fn a_name_is_as_short_as_what_tells_it_apart(#[case] images: &[&str], #[case] expected: &[&str]) {
    assert_eq!(named(images, &[]), expected);
}

#[rstest]
#[case(&["quay.io/a/my.app", "quay.io/a/my_app"], &[], &["quay-io-a-my-app-", "quay-io-a-my-app-"])]
#[case(&["quay.io/a/b:1.2", "quay.io/a/b:1-2"], &[], &["b-1-2-", "b-1-2-"])]
#[case(&["quay.io/a/b"], &["b"], &["b-"])]
#[case(&["quay.io/q/a:b", "quay.io/q/a:c", "a-b", "quay.io/z/a-b"], &[], &["a-b-", "a-c", "library-a-b", "z-a-b"])]
fn what_is_still_the_same_gets_digits(
    #[case] images: &[&str],
    #[case] taken: &[&str],
    #[case] expected: &[&str],
) {
    for (name, expected) in named(images, taken).iter().zip(expected) {
        let digits = name.strip_prefix(expected).unwrap_or_else(|| panic!("{name} is not like {expected}"));
        assert_eq!(digits.len(), if expected.ends_with('-') { 6 } else { 0 }, "{name}");
    }
}

#[test]
fn a_long_name_is_cut() {
    let long = "a".repeat(80);
    assert_eq!(named(&[&long], &[]), ["a".repeat(63)]);
    let (one, other) = (format!("quay.io/x/{long}b"), format!("quay.io/x/{long}c"));
    let names = named(&[&one, &other], &[]);
    assert!(names.iter().all(|name| name.len() == 63) && names[0] != names[1], "{names:?}");
}

#[test]
fn an_image_that_comes_in_does_not_change_the_names_of_others_by_its_place() {
    let before = named(&["quay.io/company/web", "quay.io/company/db:15"], &[]);
    let after = named(&["quay.io/company/cache", "quay.io/company/web", "quay.io/company/db:15"], &[]);
    assert_eq!(before, after[1..]);
}

/// Few words, so that names meet often.
fn any_image() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec!["", "quay.io/", "docker.io/", "localhost:5000/"]);
    let path = "(a|b|a-b|a_b|library)(/(a|b|a-b|a\\.b)){0,2}";
    let tag = prop::sample::select(vec!["", ":latest", ":a", ":b", ":1.2", ":1_2", ":A"]);
    (host, path, tag).prop_map(|(host, path, tag)| format!("{host}{path}{tag}"))
}

proptest! {
    #[test]
    fn names_are_valid_and_unique_and_none_is_another_image(
        texts in prop::collection::vec(any_image(), 0..12),
        taken in prop::collection::btree_set("a|b|a-b|library-a", 0..3),
    ) {
        let images: BTreeSet<Reference> = texts.iter().map(|text| image(text)).collect();
        let names = names(&images, &taken);
        prop_assert_eq!(names.keys().collect::<Vec<_>>(), images.iter().collect::<Vec<_>>());
        prop_assert_eq!(names.values().collect::<BTreeSet<_>>().len(), images.len());
        for (image, name) in &names {
            prop_assert!(!taken.contains(name));
            prop_assert!((1..=63).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-'), "{}", name);
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", name);
            let read = super::super::verdict::meant(&name.parse::<Reference>().unwrap());
            prop_assert!(read == *image || !images.contains(&read), "{}", name);
        }
    }
}
