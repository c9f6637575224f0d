use tagger_registry::{Anonymous, Client, Copied, CopyOptions, RegistriesConf, Settings};
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::Manifest;
use tagger_testkit::proxy::{Kind, Proxy};
use tagger_testkit::registry::{Registry, RegistryOptions};

use super::support::*;

/// `quay.example/company` is at the world's source, and has a mirror.
struct Mirrored {
    world: World,
    mirror: Registry,
    /// In front of the mirror.
    proxy: Proxy,
    image: Manifest,
}

impl Mirrored {
    async fn start() -> Self {
        let world = World::start().await;
        let assets = Assets::obtain().await.unwrap();
        let mirror = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
        let proxy = Proxy::start(&mirror).await.unwrap();
        let image = world.push(&Image::single(1).layers(4, 20_000), "company/app", "v1").await;
        image.push(&mirror, "company/app", "v1").await.unwrap();
        Self { world, mirror, proxy, image }
    }

    async fn copy(&self) -> Copied {
        let (location, mirror) = (self.world.out.address(), self.proxy.address());
        let file = format!(
            r#"
            [[registry]]
            prefix = "quay.example"
            location = "{location}"
            insecure = true
            [[registry.mirror]]
            location = "{mirror}"
            insecure = true
            "#
        );
        let registries = RegistriesConf::parse(&file).unwrap();
        let insecure = vec![self.world.into.address().parse().unwrap()];
        let client =
            Client::new(Settings { registries, insecure, ..Settings::default() }, Anonymous).unwrap();
        let (from, to) =
            ("quay.example/company/app:v1".parse().unwrap(), self.world.to("cache/app", &["g1"]));
        let copied = client.copy(&from, &client, &to, &CopyOptions::default()).await.unwrap();
        self.world.assert_has(&self.image, "cache/app", "g1").await;
        copied
    }
}

#[tokio::test]
async fn what_a_mirror_has_is_read_there_alone() {
    let mirrored = Mirrored::start().await;
    assert_eq!(mirrored.copy().await.sent.blobs, 5);
    assert_eq!(lines(&mirrored.world.out), [""; 0]);
}

#[tokio::test]
async fn what_a_mirror_lacks_in_the_middle_comes_from_the_location_and_nothing_is_sent_twice() {
    let mirrored = Mirrored::start().await;
    let lost = &mirrored.image.blobs[2];
    mirrored.mirror.lose_blob(&lost.digest).unwrap();
    mirrored.copy().await;
    let (mirror, location) = (&mirrored.proxy, &mirrored.world.out);
    assert!(location.bytes_sent("GET", Kind::Blob) >= lost.bytes.len() as u64);
    let read = mirror.bytes_sent("GET", Kind::Blob) + location.bytes_sent("GET", Kind::Blob);
    let sent = mirrored.world.into.bytes_received("PUT", Kind::Upload);
    // What was under way when the mirror gave up had to begin anew.
    assert!((size_of(&mirrored.image)..2 * size_of(&mirrored.image)).contains(&sent), "{sent}");
    assert!(read >= size_of(&mirrored.image), "{read}");
}

#[tokio::test]
async fn a_mirror_that_is_gone_is_passed_over() {
    let mirrored = Mirrored::start().await;
    mirrored.proxy.stop();
    assert_eq!(mirrored.copy().await.sent.blobs, 5);
}
