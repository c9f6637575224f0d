//! skopeo copies and reads what is in our registries, and tells when it can't.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::registry::{Registry, RegistryOptions};
use tagger_testkit::skopeo::Skopeo;

#[tokio::test]
async fn skopeo_copies_an_index_and_pulls_it_with_the_source_stopped() {
    let assets = Assets::obtain().await.unwrap();
    let source = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
    let cache = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
    let image = Image::index(1, &["linux/amd64", "linux/arm64"]).push(&source, "app", "v1").await.unwrap();
    let skopeo = Skopeo::obtain().await.unwrap();
    let copy = format!("{}/mirror/app:g0", cache.address());
    skopeo.copy(&format!("{}/app:v1", source.address()), &copy).await.unwrap();
    source.stop().unwrap();
    assert_eq!(skopeo.digest(&copy).await.unwrap(), image.digest);
    assert_eq!(skopeo.pull(&copy).await.unwrap(), image.digest);
    let absent = format!("{}/mirror/app:g1", cache.address());
    let error = skopeo.pull(&absent).await.unwrap_err().to_string();
    assert!(error.starts_with("skopeo failed: ") && error.contains("manifest unknown"), "{error}");
}
