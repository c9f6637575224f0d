use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Kind, Match};

use super::support::*;

/// An image whose layers are those of every other one here.
fn sharing(seed: u64) -> Image {
    Image::single(seed).layers(3, 20_000).layers_of(99)
}

#[tokio::test]
async fn blobs_that_were_cleared_away_since_are_sent_again() {
    let world = World::start().await;
    let old = world.push(&sharing(1), "company/app", "v1").await;
    let new = world.push(&sharing(2), "company/app", "v2").await;
    world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    for layer in &old.blobs[1..] {
        world.destination.lose_blob(&layer.digest).unwrap();
    }
    world.count_anew();
    world.copy("company/app:v2", &world.to("cache/app", &["g2"])).await.unwrap();
    world.assert_has(&new, "cache/app", "g2").await;
    assert_eq!(world.into.bytes_received("PUT", Kind::Upload), size_of(&new));
}

#[tokio::test]
async fn blobs_that_another_repository_had_are_sent_where_they_cannot_be_mounted() {
    let world = World::start().await;
    let old = world.push(&sharing(1), "company/app", "v1").await;
    let new = world.push(&sharing(2), "company/app", "v2").await;
    world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    for layer in &old.blobs[1..] {
        world.destination.lose_blob(&layer.digest).unwrap();
    }
    world.count_anew();
    let copied = world.copy("company/app:v2", &world.to("cache/other", &["g1"])).await.unwrap();
    world.assert_has(&new, "cache/other", "g1").await;
    assert_eq!((copied.sent.blobs, copied.mounted.blobs), (4, 0));
    // The refused mount has begun an upload, which is made use of: one POST a blob.
    assert_eq!(world.into.count("POST", Kind::Upload), 4);
}

#[tokio::test]
async fn a_manifest_that_was_deleted_since_is_written_again() {
    let world = World::start().await;
    let image = world.push(&Image::index(1, &["linux/amd64", "linux/arm64"]), "company/app", "v1").await;
    let to = world.to("cache/app", &["g1"]);
    world.copy("company/app:v1", &to).await.unwrap();
    for manifest in [&image, &image.children[0]] {
        world.destination.target().delete("cache/app", &manifest.digest()).await.unwrap();
    }
    world.count_anew();
    let copied = world.copy("company/app:v1", &to).await.unwrap();
    world.assert_has(&image, "cache/app", "g1").await;
    assert_eq!(copied.sent.blobs, 0);
    assert_eq!(blob_requests(&world.out), [""; 0]);
}

#[tokio::test]
async fn blobs_that_are_there_are_not_sent_where_nothing_can_be_mounted() {
    let world = World::start().await;
    world.into.fault(Match::mount(), Fault::mount_refused());
    world.push(&sharing(1), "company/app", "v1").await;
    let new = world.push(&sharing(2), "company/app", "v2").await;
    // The layers are in both repositories, and were seen last in the second one.
    for repository in ["cache/app", "cache/other"] {
        world.copy("company/app:v1", &world.to(repository, &["g1"])).await.unwrap();
    }
    let sent_before = world.into.bytes_received("PUT", Kind::Upload);
    let copied = world.copy("company/app:v2", &world.to("cache/app", &["g2"])).await.unwrap();
    world.assert_has(&new, "cache/app", "g2").await;
    assert_eq!((copied.sent.blobs, copied.present.blobs), (1, 3));
    assert_eq!(world.into.bytes_received("PUT", Kind::Upload) - sent_before, copied.sent.bytes);
}

#[tokio::test]
async fn parts_of_an_attachment_that_were_cleared_away_since_are_sent_again() {
    let world = World::start().await;
    world.out.serve_referrers(10);
    let image = world.push(&sharing(1), "company/app", "v1").await;
    world.attach(&about(&image, "application/vnd.example.notes", "the same text"), "company/app").await;
    let to = world.to("cache/app", &["g1"]);
    world.copy_with_referrers("company/app:v1", &to).await.unwrap();

    let newer = about(&image, "application/vnd.example.other", "the same text");
    world.attach(&newer, "company/app").await;
    for blob in &newer.blobs {
        world.destination.lose_blob(&blob.digest).unwrap();
    }
    world.copy_with_referrers("company/app:v1", &to).await.unwrap();
    world.assert_has(&newer, "cache/app", "").await;
}
