//! The client looks into images on a real registry.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Client, Fault, Inspected, Settings};
use tagger_testkit::artifact;
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Manifest, Pushed};
use tagger_testkit::registry::{Registry, RegistryOptions};

const REPOSITORY: &str = "company/myapp";

struct World {
    registry: Registry,
    client: Client,
}

impl World {
    async fn start() -> Self {
        let registry =
            Registry::start(&Assets::obtain().await.unwrap(), &RegistryOptions::default()).await.unwrap();
        let insecure = vec![registry.address().parse().unwrap()];
        let client = Client::new(Settings { insecure, ..Settings::default() }, Anonymous).unwrap();
        Self { registry, client }
    }

    fn reference(&self, target: &str) -> Reference {
        format!("{}/{REPOSITORY}{target}", self.registry.address()).parse().unwrap()
    }

    async fn push(&self, manifest: &Manifest) -> Pushed {
        manifest.push(&self.registry, REPOSITORY, "v1").await.unwrap()
    }

    async fn inspect(&self) -> Inspected {
        self.client.inspect(&self.reference(":v1")).await.unwrap()
    }
}

#[tokio::test]
async fn one_image_is_told_with_what_it_runs_and_what_it_weighs() {
    let world = World::start().await;
    for image in [Image::single(1), Image::single(2).docker()] {
        let image = image.label("org.example.version", "7").build().unwrap();
        let pushed = world.push(&image).await;
        let told = world.inspect().await;
        assert_eq!((told.digest.as_str(), told.media_type), (pushed.digest.as_str(), pushed.media_type));
        assert_eq!(told.platforms, []);
        let content = told.image.unwrap();
        assert_eq!(content.digest.as_str(), pushed.digest);
        assert_eq!(content.platform.unwrap().to_string(), "linux/amd64");
        let weight: usize = image.blobs.iter().map(|blob| blob.bytes.len()).sum();
        assert_eq!((content.layers.len(), content.size), (2, weight as u64));
        let configuration = content.configuration.unwrap();
        assert_eq!(configuration.created.as_deref(), Some("2024-01-01T00:00:00Z"));
        assert_eq!(configuration.labels["org.example.version"], "7");
        assert!(configuration.env[0].starts_with("SEED="), "{:?}", configuration.env);
    }
}

#[tokio::test]
async fn an_index_is_told_with_its_platforms_and_one_of_them_is_looked_into_when_asked_for() {
    let world = World::start().await;
    let index = Image::index(1, &["linux/amd64", "linux/arm/v7"]).build().unwrap();
    let pushed = world.push(&index).await;
    let told = world.inspect().await;
    assert_eq!(told.digest.as_str(), pushed.digest);
    let platforms: Vec<String> =
        told.platforms.iter().map(|child| child.platform.as_ref().unwrap().to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm/v7"]);
    assert_eq!(told.image, None);

    let reference = world.reference(&format!("@{}", pushed.digest));
    let arm = world.client.inspect_platform(&reference, &"linux/arm".parse().unwrap()).await.unwrap();
    assert_eq!(arm.image.unwrap().digest, told.platforms[1].digest);
    let windows = world.client.inspect_platform(&reference, &"windows/amd64".parse().unwrap()).await.unwrap();
    assert_eq!(windows.image, None);
    assert_eq!(windows.platforms.len(), 2);
}

#[tokio::test]
async fn the_only_image_of_an_index_is_looked_into() {
    let world = World::start().await;
    world.push(&Image::index(1, &["linux/arm64"]).build().unwrap()).await;
    let told = world.inspect().await;
    assert_eq!(told.platforms.len(), 1);
    assert_eq!(told.image.unwrap().layers.len(), 2);
}

#[tokio::test]
async fn one_image_for_another_platform_is_not_the_one_that_was_asked_for() {
    let world = World::start().await;
    world.push(&Image::single(1).build().unwrap()).await;
    let reference = world.reference(":v1");
    let told = world.client.inspect_platform(&reference, &"linux/s390x".parse().unwrap()).await.unwrap();
    assert_eq!(told.image, None);
}

#[tokio::test]
async fn what_is_no_image_is_told_as_far_as_it_goes() {
    let world = World::start().await;
    world.push(&artifact::chart("web")).await;
    let chart = world.inspect().await;
    assert_eq!(chart.annotations["org.opencontainers.image.title"], "web");
    let content = chart.image.unwrap();
    assert_eq!(content.configuration, None);
    assert_eq!(content.configuration_type.as_deref(), Some("application/vnd.cncf.helm.config.v1+json"));
    assert_eq!(content.layers[0].size, "the chart web".len() as u64);

    world.push(&artifact::artifact("application/wasm", "module")).await;
    let wasm = world.inspect().await;
    assert_eq!(wasm.artifact_type.as_deref(), Some("application/wasm"));
    assert_eq!(wasm.image.unwrap().platform, None);
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let world = World::start().await;
    let error = world.client.inspect(&world.reference(":gone")).await.unwrap_err();
    assert_eq!(error.fault(), &Fault::NotFound);
}
