//! The client reads where a `registries.conf` says, from real registries.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use rstest::rstest;
use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Authority, Client, DockerConfig, RegistriesConf, Settings};
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy};
use tagger_testkit::registry::{Registry, RegistryOptions};

async fn start(options: RegistryOptions) -> Registry {
    Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap()
}

/// A registry over TLS for its users alone, and one beside it that mirrors a part of it, each with a password of its own.
struct World {
    location: Registry,
    mirror: Registry,
    /// In front of the mirror.
    proxy: Proxy,
}

impl World {
    async fn start() -> Self {
        let location = start(RegistryOptions::default().tls().user("me", "of-the-location")).await;
        let mirror = start(RegistryOptions::default().user("me", "of-the-mirror")).await;
        let proxy = Proxy::start(&mirror).await.unwrap();
        Self { location, mirror, proxy }
    }

    fn client(&self) -> Client {
        let (location, mirror) = (self.location.address(), self.proxy.address());
        let file = format!(
            r#"
            [[registry]]
            prefix = "quay.example/company"
            location = "{location}/upstream"
            [[registry.mirror]]
            location = "{mirror}/mirrored/quay"
            insecure = true
            "#
        );
        let entries = format!(
            r#"{{"auths": {{
                "quay.example": {{"username": "me", "password": "of-the-logical-one"}},
                "{location}": {{"username": "me", "password": "of-the-location"}},
                "{mirror}": {{"username": "me", "password": "of-the-mirror"}}
            }}}}"#
        );
        let host: tagger_core::reference::Registry = location.parse().unwrap();
        let pem = std::fs::read(self.location.ca_file().unwrap()).unwrap();
        let settings = Settings {
            registries: RegistriesConf::parse(&file).unwrap(),
            authorities: vec![Authority { registry: Some(host.clone()), pem }],
            private: vec![host],
            ..Settings::default()
        };
        Client::new(settings, DockerConfig::parse(entries.as_bytes()).unwrap()).unwrap()
    }
}

fn image() -> Reference {
    "quay.example/company/myapp:v1".parse().unwrap()
}

#[tokio::test]
async fn a_mirror_is_read_first_and_the_location_while_the_mirror_fails() {
    let world = World::start().await;
    let old = Image::single(1).push(&world.mirror, "mirrored/quay/myapp", "v1").await.unwrap();
    let new = Image::single(2).push(&world.location, "upstream/myapp", "v1").await.unwrap();
    let client = world.client();

    let resolved = client.resolve(&image(), |_| None).await.unwrap();
    assert_eq!((&resolved.reference, resolved.digest.as_str()), (&image(), old.digest.as_str()));

    world.proxy.fault(Match::manifest(), Fault::status(503));
    let resolved = client.resolve(&image(), |_| None).await.unwrap();
    assert_eq!((&resolved.reference, resolved.digest.as_str()), (&image(), new.digest.as_str()));

    world.proxy.stop();
    let resolved = client.resolve(&image(), |_| None).await.unwrap();
    assert_eq!(resolved.digest.as_str(), new.digest);

    world.proxy.start_again().await.unwrap();
    world.proxy.heal();
    assert_eq!(client.resolve(&image(), |_| None).await.unwrap().digest.as_str(), old.digest);
}

#[tokio::test]
async fn what_a_mirror_does_not_have_comes_from_the_location() {
    let world = World::start().await;
    let image_of_two = Image::index(1, &["linux/amd64", "linux/arm64"]);
    let pushed = image_of_two.push(&world.location, "upstream/myapp", "v1").await.unwrap();
    let resolved = world.client().resolve(&image(), |_| None).await.unwrap();
    assert_eq!(resolved.digest.as_str(), pushed.digest);
    assert!(world.proxy.count("HEAD", Kind::Manifest) > 0, "the mirror was asked");
}

#[tokio::test]
async fn tags_are_those_of_the_first_place_that_has_the_repository() {
    let world = World::start().await;
    let client = world.client();
    let tags = async || {
        let mut tags: Vec<String> =
            client.list(&image()).await.unwrap().iter().map(ToString::to_string).collect();
        tags.sort();
        tags
    };
    assert_eq!(client.list(&image()).await.unwrap_err().reason(), "NotFound");

    Image::single(2).push(&world.location, "upstream/myapp", "v2").await.unwrap();
    assert_eq!(tags().await, ["v2"]);

    for number in 0..7 {
        let tag = format!("m{number}");
        Image::single(1).push(&world.mirror, "mirrored/quay/myapp", &tag).await.unwrap();
    }
    world.proxy.page_tags(3);
    assert_eq!(tags().await, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);

    world.proxy.fault(Match::tags(), Fault::forward().endless_pages());
    assert_eq!(tags().await, ["v2"]);
    world.proxy.stop();
    assert_eq!(tags().await, ["v2"]);
}

#[tokio::test]
async fn a_digest_is_told_by_one_head_of_the_first_place_that_has_it() {
    let world = World::start().await;
    let old = Image::single(1).push(&world.mirror, "mirrored/quay/myapp", "v1").await.unwrap();
    let new = Image::single(2).push(&world.location, "upstream/myapp", "v1").await.unwrap();
    let client = world.client();
    client.digest(&image()).await.unwrap();
    world.proxy.reset();
    assert_eq!(client.digest(&image()).await.unwrap().as_str(), old.digest);
    assert_eq!((world.proxy.count("HEAD", Kind::Manifest), world.proxy.requests().len()), (1, 1));
    world.proxy.stop();
    assert_eq!(client.digest(&image()).await.unwrap().as_str(), new.digest);
}

#[test]
fn an_image_may_be_pushed_under_each_name_that_it_is_read_by() {
    let file = r#"
        [[registry]]
        prefix = "quay.example/company"
        location = "origin.example/upstream"
        [[registry.mirror]]
        location = "mirror.example:5000/quay"
        [[registry]]
        prefix = "second.example/company"
        blocked = true
    "#;
    let unqualified =
        ["quay.example", "second.example", "third.example"].map(|host| host.parse().unwrap()).to_vec();
    let registries = RegistriesConf::parse(file).unwrap();
    let settings = Settings { registries, unqualified, ..Settings::default() };
    let client = Client::new(settings, Anonymous).unwrap();
    let names = |reference: &str| {
        let names = client.whereabouts(&reference.parse().unwrap());
        names.iter().map(|(registry, repository)| format!("{registry}/{repository}")).collect::<Vec<_>>()
    };
    let of_quay = ["quay.example/company/app", "mirror.example:5000/quay/app", "origin.example/upstream/app"];
    assert_eq!(names("quay.example/company/app:v1"), of_quay);
    assert_eq!(names("docker.io/alpine"), ["docker.io/library/alpine"]);
    let others = ["second.example/company/app", "third.example/company/app"];
    assert_eq!(names("company/app"), [&of_quay[..], &others].concat());
}

#[rstest]
#[case::docker_hub_as_helm_has_it("registry-1.docker.io/company/app", "docker.io/company/app", true)]
#[case::docker_hub_with_a_port("docker.io/company/app", "registry-1.docker.io:443/company/app", true)]
#[case::the_port_of_https("quay.example:443/app", "quay.example/app", true)]
#[case::the_port_of_http("quay.example/app", "quay.example:80/app", true)]
#[case::another_port("quay.example:8443/app", "quay.example/app", false)]
#[case::another_host("registry-2.docker.io/company/app", "docker.io/company/app", false)]
fn a_push_is_known_however_the_registry_is_written(
    #[case] from: Reference,
    #[case] pushed: Reference,
    #[case] same: bool,
) {
    let client = Client::new(Settings::default(), Anonymous).unwrap();
    let names = client.whereabouts(&from);
    assert_eq!(names[0].0.to_string(), from.to_string().split('/').next().unwrap(), "it keeps its name");
    let pushed_to = (pushed.registry().map(|registry| registry.canonical()), pushed.repository());
    let is_there =
        names.iter().any(|(registry, repository)| (Some(registry.canonical()), repository) == pushed_to);
    assert_eq!(is_there, same);
}

#[test]
fn the_example_of_the_guide_is_read() {
    let guide = include_str!("../../../docs/guides/registries.md");
    let example = guide.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let conf = RegistriesConf::parse(example).unwrap();
    let fedora: Reference = "docker.io/fedora".parse().unwrap();
    let places = conf.places(fedora.registry().unwrap(), fedora.repository()).unwrap();
    let names: Vec<_> =
        places.iter().map(|place| format!("{}/{}", place.registry, place.repository)).collect();
    assert_eq!(names, ["mirror.internal:5000/hub/library/fedora", "docker.io/library/fedora"]);
}
