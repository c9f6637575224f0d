use super::*;
use rstest::rstest;
use tagger_registry::Child;

fn digest(number: u8) -> Digest {
    format!("sha256:{number:064x}").parse().unwrap()
}

fn side(number: u8, tag: &str) -> Side {
    Side {
        generation: number.into(),
        image_reference: format!("quay.io/a/b@{}", digest(number)),
        digest: Some(digest(number)),
        tag: Some(tag.to_owned()),
        imported_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn layer(number: u8, size: u64) -> Layer {
    Layer { digest: digest(number), size, media_type: "a/b".into() }
}

fn image(configuration: Configuration, layers: Vec<Layer>) -> Inspected {
    let size = layers.iter().map(|layer| layer.size).sum();
    Inspected {
        reference: "quay.io/a/b:v1".parse().unwrap(),
        digest: digest(9),
        media_type: "a/image".into(),
        artifact_type: None,
        annotations: Default::default(),
        platforms: Vec::new(),
        image: Some(Content {
            digest: digest(9),
            platform: Some("linux/amd64".parse().unwrap()),
            configuration: Some(configuration),
            configuration_type: Some("a/config".into()),
            layers,
            size,
        }),
    }
}

fn index(platforms: &[&str]) -> Inspected {
    let child = |platform: &&str| Child {
        platform: Some(platform.parse().unwrap()),
        digest: digest(1),
        size: 1,
        media_type: "a/image".into(),
    };
    let platforms = platforms.iter().map(child).collect();
    Inspected { platforms, image: None, ..image(Configuration::default(), Vec::new()) }
}

fn between(before: &Inspected, after: &Inspected) -> Difference {
    Difference::between("dev", "app", side(0, "v1"), side(0, "v1")).with(before, after)
}

/// `what name: before > after`, a line each.
fn told(difference: &Difference) -> Vec<String> {
    let text = |side: &Option<String>| side.clone().unwrap_or_default();
    let name = |change: &Change| change.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let line = |change: &Change| {
        format!("{}{}: {} > {}", change.what, name(change), text(&change.before), text(&change.after))
    };
    difference.changes.iter().map(line).collect()
}

fn with(change: impl FnOnce(&mut Configuration)) -> Configuration {
    let mut configuration = Configuration {
        created: Some("2024".into()),
        env: vec!["PATH=/bin".into(), "A=1".into()],
        entrypoint: vec!["/app".into()],
        ..Configuration::default()
    };
    configuration.labels.insert("kept".into(), "yes".into());
    change(&mut configuration);
    configuration
}

#[rstest]
#[case::nothing(with(|_| {}), &[])]
#[case::created(with(|it| it.created = Some("2025".into())), &["created: 2024 > 2025"])]
#[case::a_label_more(with(|it| { it.labels.insert("new".into(), "1".into()); }), &["label new:  > 1"])]
#[case::a_label_less(with(|it| it.labels.clear()), &["label kept: yes > "])]
#[case::a_variable(with(|it| it.env[1] = "A=2=3".into()), &["env A: 1 > 2=3"])]
#[case::a_variable_without_value(with(|it| it.env[1] = "A".into()), &["env A: 1 > "])]
#[case::the_order_of_variables(with(|it| it.env.reverse()), &[])]
#[case::a_variable_set_twice(with(|it| it.env.push("A=7".into())), &["env A: 1 > 7"])]
#[case::entrypoint(
    with(|it| it.entrypoint.push("-x y".into())),
    &[r#"entrypoint: ["/app"] > ["/app","-x y"]"#]
)]
#[case::command(with(|it| it.command.push("serve".into())), &[r#"command:  > ["serve"]"#])]
#[case::user(with(|it| it.user = Some("65532".into())), &["user:  > 65532"])]
#[case::folder(with(|it| it.working_dir = Some("/srv".into())), &["workingDir:  > /srv"])]
#[case::ports(with(|it| it.exposed_ports.push("80/tcp".into())), &["port:  > 80/tcp"])]
fn what_changed_in_a_configuration_is_told(#[case] after: Configuration, #[case] expected: &[&str]) {
    let (before, after) = (image(with(|_| {}), vec![]), image(after, vec![]));
    assert_eq!(told(&between(&before, &after)), expected);
}

#[test]
fn layers_are_shared_removed_or_added_and_the_size_is_told() {
    let before = image(with(|_| {}), vec![layer(1, 100), layer(2, 50)]);
    let after = image(with(|_| {}), vec![layer(1, 100), layer(3, 20), layer(4, 5)]);
    let difference = between(&before, &after);
    let layers = difference.layers.unwrap();
    let sizes = |parts: &[Part]| parts.iter().map(|part| part.size).collect::<Vec<_>>();
    assert_eq!(
        (sizes(&layers.shared), sizes(&layers.removed), sizes(&layers.added)),
        (vec![100], vec![50], vec![20, 5])
    );
    assert_eq!(difference.size, Some(Size { before: 150, after: 125, difference: -25 }));
    assert_eq!(difference.platform, None, "there is but one");
}

#[rstest]
#[case::one_more(index(&["linux/amd64"]), index(&["linux/amd64", "linux/arm64"]), &["platform:  > linux/arm64"])]
#[case::another(index(&["linux/amd64"]), index(&["linux/arm64"]), &["platform: linux/amd64 > ", "platform:  > linux/arm64"])]
#[case::from_an_image(image(with(|_| {}), vec![]), index(&["linux/amd64", "linux/arm64"]), &["platform:  > linux/arm64"])]
fn platforms_that_came_and_went_are_told(
    #[case] before: Inspected,
    #[case] after: Inspected,
    #[case] expected: &[&str],
) {
    let difference = between(&before, &after);
    assert_eq!(told(&difference), expected);
    assert_eq!((difference.layers, difference.size), (None, None));
}

#[test]
fn what_is_recorded_is_compared_without_a_registry() {
    let difference = Difference::between("dev", "app", side(1, "v1"), side(2, "v2"));
    assert_eq!(told(&difference)[1], "tag: v1 > v2");
    assert!(!difference.same);
    assert!(Difference::between("dev", "app", side(1, "v1"), side(1, "v2")).same);
}
