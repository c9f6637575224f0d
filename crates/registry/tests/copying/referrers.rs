use std::time::Duration;

use tagger_registry::{CopyOptions, Limits};
use tagger_testkit::assets::Assets;
use tagger_testkit::attachment::fallback_tag;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::Manifest;
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy};
use tagger_testkit::registry::{Registry, RegistryOptions};

use super::support::*;

fn image() -> Image {
    Image::index(1, &["linux/amd64", "linux/arm64"])
}

/// Five attachments of an image.
fn five(subject: &Manifest) -> Vec<Manifest> {
    (0..5).map(|number| about(subject, SBOM, &format!("text {number}"))).collect()
}

#[tokio::test]
async fn what_the_source_lists_page_by_page_follows_to_a_registry_that_keeps_account() {
    let world = World::start().await;
    world.out.serve_referrers(2);
    world.into.serve_referrers(10);
    let image = world.push(&image(), "company/app", "v1").await;
    let attached = five(&image);
    for one in &attached {
        world.attach(one, "company/app").await;
    }
    let copied = world.copy_with_referrers("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();

    assert_eq!(copied.referrers, 5);
    for one in &attached {
        world.assert_has(one, "cache/app", "").await;
    }
    let pages = format!("GET /v2/company/app/referrers/{}", image.digest());
    assert_eq!(lines(&world.out).iter().filter(|line| line.starts_with(&pages)).count(), 3);
    // The destination keeps account by itself: no list is put under a tag.
    assert_eq!(world.destination.target().tags("cache/app").await.unwrap(), ["g1"]);
}

#[tokio::test]
async fn a_registry_without_the_referrers_api_is_given_the_list_under_the_fallback_tag() {
    let world = World::start().await;
    world.out.serve_referrers(10);
    let image = world.push(&image(), "company/app", "v1").await;
    let attached = five(&image);
    for one in &attached {
        world.attach(one, "company/app").await;
    }
    let copied = world.copy_with_referrers("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();

    assert_eq!(copied.referrers, 5);
    let entries = listed(&world.destination, "cache/app", &image).await;
    assert_eq!(digests_in(&entries), digests(&attached.iter().collect::<Vec<_>>()));
    for (key, value) in [("artifactType", SBOM), ("mediaType", OCI_MANIFEST)] {
        assert!(entries.iter().all(|entry| entry[key] == value), "{entries:#?}");
    }
}

#[tokio::test]
async fn what_stands_under_the_fallback_tag_is_added_to_what_is_there() {
    let world = World::start().await;
    let image = world.push(&image(), "company/app", "v1").await;
    let attached = five(&image);
    attach_by_tag(&world.source, "company/app", &image, &[&attached[0], &attached[1]]).await;
    image.push(&world.destination, "cache/app", "g1").await.unwrap();
    attach_by_tag(&world.destination, "cache/app", &image, &[&attached[1], &attached[2]]).await;

    let to = world.to("cache/app", &["g1"]);
    let copied = world.copy_with_referrers("company/app:v1", &to).await.unwrap();
    assert_eq!(copied.referrers, 2);
    let entries = listed(&world.destination, "cache/app", &image).await;
    assert_eq!(digests_in(&entries), digests(&attached[..3].iter().collect::<Vec<_>>()));
    assert_eq!(listed(&world.source, "company/app", &image).await.len(), 2, "the source is left alone");

    world.count_anew();
    let again = world.copy_with_referrers("company/app:v1", &to).await.unwrap();
    assert_eq!(again.referrers, 2);
    assert_eq!(world.into.count("PUT", Kind::Manifest), 0, "{:#?}", lines(&world.into));
    assert_eq!(blob_requests(&world.into), [""; 0]);
}

#[tokio::test]
async fn an_entry_of_a_list_that_is_there_no_more_is_left_out() {
    let world = World::start().await;
    let image = world.push(&image(), "company/app", "v1").await;
    let attached = five(&image);
    attach_by_tag(&world.source, "company/app", &image, &[&attached[0], &attached[1]]).await;
    world.source.target().delete("company/app", &attached[0].digest()).await.unwrap();
    let copied = world.copy_with_referrers("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    assert_eq!(copied.referrers, 1);
    let entries = listed(&world.destination, "cache/app", &image).await;
    assert_eq!(digests_in(&entries), [attached[1].digest()]);
}

#[tokio::test]
async fn copies_that_attach_to_the_same_image_at_once_lose_nothing_of_one_another() {
    let world = World::start().await;
    let second =
        Registry::start(&Assets::obtain().await.unwrap(), &RegistryOptions::default()).await.unwrap();
    let out = Proxy::start(&second).await.unwrap();
    let client = client(&[&world.out, &out, &world.into], Limits::default());
    let image = world.push(&image(), "company/app", "v1").await;
    image.push(&second, "company/app", "v1").await.unwrap();
    let attached = five(&image);
    attach_by_tag(&world.source, "company/app", &image, &[&attached[0], &attached[1]]).await;
    attach_by_tag(&second, "company/app", &image, &[&attached[2], &attached[3]]).await;
    // Whoever reads the list reads it late enough for the other to have read it as well.
    let list = fallback_tag(&image.digest());
    world.into.fault(
        Match::manifest().method("GET").path(&list),
        Fault::forward().delay(Duration::from_millis(100)),
    );

    let options = CopyOptions { referrers: true, ..CopyOptions::default() };
    let from = [&world.out, &out].map(|proxy| format!("{}/company/app:v1", proxy.address()).parse().unwrap());
    let to = ["g1", "g2"].map(|tag| world.to("cache/app", &[tag]));
    let other = client.clone();
    let (one, two) = tokio::join!(
        client.copy(&from[0], &client, &to[0], &options),
        other.copy(&from[1], &other, &to[1], &options)
    );
    assert_eq!((one.unwrap().referrers, two.unwrap().referrers), (2, 2));
    let entries = listed(&world.destination, "cache/app", &image).await;
    assert_eq!(digests_in(&entries), digests(&attached[..4].iter().collect::<Vec<_>>()));
}
