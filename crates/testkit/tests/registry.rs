//! A registry keeps what it is given, in each way that it can be started.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Instant;

use tagger_testkit::assets::Assets;
use tagger_testkit::attachment::{fallback_tag, referrer, referrers_index, signature};
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Manifest, push_many};
use tagger_testkit::registry::{Registry, RegistryOptions};
use tagger_testkit::target::Target;

const REPOSITORY: &str = "company/myapp";

async fn start(options: RegistryOptions) -> Registry {
    Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap()
}

#[tokio::test]
async fn an_image_is_found_by_its_tag_after_a_push() {
    let registry = start(RegistryOptions::default()).await;
    let pushed = Image::single(1).push(&registry, REPOSITORY, "latest").await.unwrap();
    let found = registry.target().digest(REPOSITORY, "latest").await.unwrap();
    assert_eq!(found.as_deref(), Some(pushed.digest.as_str()));
    assert_eq!(registry.target().digest(REPOSITORY, "other").await.unwrap(), None);
    assert_eq!(Image::single(1).build().unwrap().digest(), pushed.digest);
}

#[tokio::test]
async fn every_kind_of_image_comes_back_as_it_was_pushed() {
    let registry = start(RegistryOptions::default()).await;
    let platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"];
    for (tag, image) in [
        ("oci", Image::single(1)),
        ("docker", Image::single(1).docker()),
        ("oci-index", Image::index(1, &platforms).annotation("team", "blue")),
        ("docker-index", Image::index(1, &platforms).docker()),
    ] {
        let pushed = image.push(&registry, REPOSITORY, tag).await.unwrap();
        let (media_type, bytes) = registry.target().manifest(REPOSITORY, tag).await.unwrap().unwrap();
        assert_eq!((media_type, bytes), (pushed.media_type, pushed.bytes), "{tag}");
    }
    let subject = Image::single(1).build().unwrap().push(&registry, REPOSITORY, "oci").await.unwrap();
    let (signature, tag) = signature(&subject);
    signature.push(&registry, REPOSITORY, &tag).await.unwrap();
    let bill = referrer(&subject, "application/spdx+json", "{}");
    let index = referrers_index(&[(&bill, "application/spdx+json")]);
    index.push(&registry, REPOSITORY, &fallback_tag(&subject.digest)).await.unwrap();
}

#[tokio::test]
async fn tls_and_a_user_keep_strangers_out() {
    let registry = start(RegistryOptions::default().tls().user("alice", "open sesame")).await;
    Image::single(1).push(&registry, REPOSITORY, "latest").await.unwrap();
    let address = format!("https://{}", registry.address());
    assert!(Target::new(&address, None, None).unwrap().ping().await.is_err(), "its authority is its own");
    let ca = std::fs::read_to_string(registry.ca_file().unwrap()).unwrap();
    let stranger = Target::new(&address, Some(&ca), None).unwrap();
    assert_eq!(stranger.ping().await.unwrap(), 401);
}

#[tokio::test]
async fn data_outlive_an_outage_and_a_lost_blob_does_not_come_back() {
    let registry = start(RegistryOptions::default()).await;
    let image = Image::single(1).build().unwrap();
    image.push(&registry, REPOSITORY, "latest").await.unwrap();
    registry.stop().unwrap();
    assert!(registry.target().ping().await.is_err());
    registry.start_again().await.unwrap();
    assert!(registry.target().digest(REPOSITORY, "latest").await.unwrap().is_some());
    let blob = &image.blobs[1].digest;
    assert!(registry.target().has_blob(REPOSITORY, blob).await.unwrap());
    registry.lose_blob(blob).unwrap();
    assert!(!registry.target().has_blob(REPOSITORY, blob).await.unwrap());
    registry.target().delete(REPOSITORY, &image.digest()).await.unwrap();
    assert_eq!(registry.target().tags(REPOSITORY).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_thousand_tags_that_share_their_layers_are_pushed_in_seconds() {
    let registry = start(RegistryOptions::default()).await;
    let images: Vec<(Manifest, String, String)> = (0..1_000)
        .map(|seed| {
            let image = Image::single(seed).layers_of(0).build().unwrap();
            (image, REPOSITORY.to_owned(), format!("v{seed}"))
        })
        .collect();
    let begin = Instant::now();
    push_many(&registry, 16, &images).await.unwrap();
    eprintln!("1,000 tags in {:?}", begin.elapsed());
    assert_eq!(registry.target().tags(REPOSITORY).await.unwrap().len(), 1_000);
}
