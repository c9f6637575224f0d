//! The client reads where a `registries.conf` says, from real registries.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use tagger_core::reference::Reference;
use tagger_registry::{Authority, Client, DockerConfig, RegistriesConf, Settings};
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
