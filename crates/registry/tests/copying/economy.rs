use rstest::rstest;
use serde_json::{Value, json};
use tagger_registry::Amount;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Blob, Manifest};
use tagger_testkit::proxy::Kind;

use super::support::*;

fn image() -> Image {
    Image::index(1, &["linux/amd64", "linux/arm64"])
}

#[tokio::test]
async fn a_first_copy_reads_each_blob_once_and_sends_each_blob_once() {
    let world = World::start().await;
    let image = world.push(&Image::single(1).layers(3, 100_000), "company/app", "v1").await;
    let copied = world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();

    let (blobs, bytes) = (image.blobs.len() as u64, size_of(&image));
    assert_eq!(copied.sent, Amount { blobs, bytes });
    assert_eq!((copied.mounted, copied.present), Default::default());
    assert_eq!(world.out.bytes_sent("GET", Kind::Blob), bytes);
    assert_eq!(world.into.bytes_received("PUT", Kind::Upload), bytes);
    // A blob is one question whether it is there, one POST and one PUT.
    let asked = |method, kind| world.into.count(method, kind) as u64;
    assert_eq!(asked("HEAD", Kind::Blob), blobs);
    assert_eq!((asked("POST", Kind::Upload), asked("PUT", Kind::Upload)), (blobs, blobs));
    assert_eq!(blob_requests(&world.into).len() as u64, 3 * blobs);
    assert_eq!(blob_requests(&world.out).len() as u64, blobs);
}

#[tokio::test]
async fn an_image_that_is_there_costs_one_request_at_each_end() {
    let world = World::start().await;
    world.push(&image(), "company/app", "v1").await;
    let to = world.to("cache/app", &["g1"]);
    let first = world.copy("company/app:v1", &to).await.unwrap();
    world.count_anew();
    let again = world.copy("company/app:v1", &to).await.unwrap();

    assert_eq!((again.digest, again.media_type, again.size), (first.digest, first.media_type, first.size));
    assert_eq!((again.sent, again.mounted, again.present), Default::default());
    assert_eq!(lines(&world.out), ["HEAD /v2/company/app/manifests/v1"]);
    assert_eq!(lines(&world.into), ["GET /v2/cache/app/manifests/g1"]);
}

#[tokio::test]
async fn an_image_that_is_there_under_both_of_its_tags_costs_two_requests() {
    let world = World::start().await;
    world.push(&image(), "company/app", "v1").await;
    let to = world.to("cache/app", &["g1", "current"]);
    world.copy("company/app:v1", &to).await.unwrap();
    world.count_anew();
    world.copy("company/app:v1", &to).await.unwrap();
    let asked = lines(&world.into);
    assert_eq!(asked, ["GET /v2/cache/app/manifests/g1", "HEAD /v2/cache/app/manifests/current"]);
}

#[tokio::test]
async fn an_image_that_is_there_is_known_by_its_digest_alone() {
    let world = World::start().await;
    let image = world.push(&image(), "company/app", "v1").await;
    let (name, to) = (format!("company/app@{}", image.digest()), world.to("cache/app", &[]));
    world.copy(&name, &to).await.unwrap();
    world.count_anew();
    world.copy(&name, &to).await.unwrap();
    assert_eq!(lines(&world.out), [""; 0]);
    assert_eq!(lines(&world.into).len(), 1);
}

#[tokio::test]
async fn another_tag_for_what_is_there_touches_no_blob() {
    let world = World::start().await;
    let image = world.push(&image(), "company/app", "v1").await;
    world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    world.count_anew();
    world.copy("company/app:v1", &world.to("cache/app", &["g2", "g3"])).await.unwrap();

    for tag in ["g1", "g2", "g3"] {
        world.assert_has(&image, "cache/app", tag).await;
    }
    assert_eq!(blob_requests(&world.out), [""; 0]);
    assert_eq!(blob_requests(&world.into), [""; 0]);
    assert_eq!(lines(&world.out), ["HEAD /v2/company/app/manifests/v1"]);
    // Two to find it, one PUT a tag, and one to see that the second tag is not there.
    assert_eq!(lines(&world.into).len(), 5, "{:#?}", lines(&world.into));
}

/// Nine layers of the first image, and the tenth and the configuration of another one.
fn one_layer_of_ten_changed(old: &Manifest, new: &Manifest) -> Manifest {
    let parts = [&new.blobs[..1], &old.blobs[1..10], &new.blobs[10..]].concat();
    let descriptors: Vec<Value> = parts.iter().map(Blob::descriptor).collect();
    let content = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptors[0],
        "layers": descriptors[1..],
    });
    manifest(&content, parts, Vec::new())
}

#[rstest]
#[tokio::test]
async fn of_an_image_with_one_layer_of_ten_changed_that_layer_travels(
    #[values(true, false)] remembered: bool,
) {
    let world = World::start().await;
    let old = world.push(&Image::single(1).layers(10, 50_000), "company/app", "v1").await;
    world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    let new = Image::single(2).layers(10, 50_000).build().unwrap();
    let changed = one_layer_of_ten_changed(&old, &new);
    changed.push(&world.source, "company/app", "v2").await.unwrap();

    world.count_anew();
    let another = client(&[&world.out, &world.into], Default::default());
    let client = if remembered { &world.client } else { &another };
    let (from, to) = (world.from("company/app:v2"), world.to("cache/app", &["g2"]));
    let copied = client.copy(&from, client, &to, &Default::default()).await.unwrap();

    world.assert_has(&changed, "cache/app", "g2").await;
    let bytes = (new.blobs[0].bytes.len() + new.blobs[10].bytes.len()) as u64;
    assert_eq!((copied.sent, copied.present.blobs), (Amount { blobs: 2, bytes }, 9));
    assert_eq!(world.out.bytes_sent("GET", Kind::Blob), bytes);
    assert_eq!(world.into.bytes_received("PUT", Kind::Upload), bytes);
    let looked_for = if remembered { 2 } else { 11 };
    assert_eq!(world.into.count("HEAD", Kind::Blob), looked_for);
}

#[tokio::test]
async fn what_was_copied_before_is_not_even_asked_for() {
    let world = World::start().await;
    world.push(&Image::single(1).layers(10, 1000).layers_of(7), "company/app", "v1").await;
    world.push(&Image::single(2).layers(10, 1000).layers_of(7), "company/app", "v2").await;
    world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    world.count_anew();
    let copied = world.copy("company/app:v2", &world.to("cache/app", &["g2"])).await.unwrap();
    assert_eq!((copied.sent.blobs, copied.present.blobs), (1, 10));
    // For the configuration, which alone is new.
    assert_eq!(blob_requests(&world.into).len(), 3);
    assert_eq!(blob_requests(&world.out).len(), 1);
}

#[tokio::test]
async fn within_one_registry_blobs_are_mounted_and_nothing_travels() {
    let world = World::start().await;
    let image = world.push(&image(), "company/app", "v1").await;
    let to = place(&world.out, "cache/app", &["g1"]);
    let copied = world.copy("company/app:v1", &to).await.unwrap();

    assert_has(&world.source, &image, "cache/app", "g1").await;
    let blobs = blobs_of(&image).len();
    assert_eq!((copied.sent.blobs, copied.mounted.blobs as usize, copied.present.blobs), (0, blobs, 0));
    assert_eq!(world.out.count("POST", Kind::Upload), blobs);
    assert_eq!(world.out.count("GET", Kind::Blob) + world.out.count("PUT", Kind::Upload), 0);
}

#[tokio::test]
async fn another_tag_in_the_same_repository_is_all_manifests() {
    let world = World::start().await;
    let image = world.push(&image(), "company/app", "v1").await;
    world.copy("company/app:v1", &place(&world.out, "company/app", &["v2"])).await.unwrap();
    assert_has(&world.source, &image, "company/app", "v2").await;
    assert_eq!(blob_requests(&world.out), [""; 0]);
}

#[tokio::test]
async fn progress_adds_up() {
    let world = World::start().await;
    let sums = Sums::default();
    let copy = async |name: &str, to| {
        world.client.copy(&world.from(name), &world.client, &to, &sums.options()).await.unwrap()
    };
    let image = world.push(&Image::single(1).layers(3, 100_000).layers_of(9), "company/app", "v1").await;
    copy("company/app:v1", world.to("cache/app", &["g1"])).await;
    assert_eq!(sums.take(), (size_of(&image), size_of(&image), 0));

    // Some of it is there, some is mounted, and some is sent.
    let other = world.push(&Image::single(2).layers(4, 100_000).layers_of(9), "company/app", "v2").await;
    let copied = copy("company/app:v2", world.to("cache/app", &["g2"])).await;
    let (found, passed, spared) = sums.take();
    assert_eq!((found, passed + spared), (size_of(&other), size_of(&other)));
    assert_eq!((passed, spared), (copied.sent.bytes, copied.present.bytes));

    let copied = copy("company/app:v2", world.to("cache/other", &["g2"])).await;
    assert_eq!(sums.take(), (size_of(&other), 0, copied.mounted.bytes));
}
