use std::time::Duration;

use tagger_registry::{Amount, CopyError, CopyOptions, Limits};
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Kind, Match};

use super::support::*;

/// One thing after the other, and no long waits between tries.
fn one_by_one() -> Limits {
    Limits { requests: 1, transfers: 1, backoff: Duration::from_millis(1), ..Limits::default() }
}

#[tokio::test]
async fn children_go_before_their_index_and_tags_last() {
    let world = World::start().await;
    let image = world.push(&Image::index(1, &["linux/amd64", "linux/arm64"]), "company/app", "v1").await;
    world.copy("company/app:v1", &world.to("cache/app", &["g1", "current"])).await.unwrap();

    let requests = world.into.requests();
    let written: Vec<&str> = requests
        .iter()
        .filter(|request| request.method == "PUT" && request.kind == Kind::Manifest)
        .map(|request| request.path.rsplit('/').next().unwrap())
        .collect();
    let mut children = written[..2].to_vec();
    children.sort_unstable();
    let mut expected: Vec<String> = image.children.iter().map(|child| child.digest()).collect();
    expected.sort_unstable();
    assert_eq!(
        (children, &written[2..]),
        (expected.iter().map(String::as_str).collect(), &["g1", "current"][..])
    );

    // It is read back by its digest before the other tags are given.
    let all = lines(&world.into);
    let at = |line: String| all.iter().rposition(|other| *other == line).unwrap();
    let read_back = at(format!("GET /v2/cache/app/manifests/{}", image.digest()));
    assert!(at("PUT /v2/cache/app/manifests/g1".into()) < read_back);
    assert!(read_back < at("PUT /v2/cache/app/manifests/current".into()));
}

#[tokio::test]
async fn while_a_blob_is_missing_there_is_no_manifest_and_no_tag_and_afterwards_only_it_is_sent() {
    let world = World::with(one_by_one()).await;
    let image = world.push(&Image::index(1, &["linux/amd64"]).layers(5, 50_000), "company/app", "v1").await;
    // The configuration is the smallest of them, so that it goes last.
    let (to, lost) = (world.to("cache/app", &["g1"]), &image.children[0].blobs[0]);
    world.out.fault(Match::blob().path(&lost.digest), Fault::hang_up());

    let error = world.copy("company/app:v1", &to).await.unwrap_err();
    assert_eq!(error.reason(), "Unreachable");
    assert!(matches!(error, CopyError::Source(_)), "{error}");
    assert_eq!(world.destination.target().tags("cache/app").await.unwrap(), [""; 0]);
    for manifest in [&image, &image.children[0]] {
        assert_eq!(world.destination.target().digest("cache/app", &manifest.digest()).await.unwrap(), None);
    }

    let missing = lost.bytes.len() as u64;
    let another = client(&[&world.out, &world.into], Limits::default());
    for (client, repository) in [(&another, "cache/app"), (&world.client, "cache/other")] {
        world.count_anew();
        let (from, to) = (world.from("company/app:v1"), world.to(repository, &["g1"]));
        let copied = client.copy(&from, client, &to, &CopyOptions::default()).await.unwrap();
        world.assert_has(&image, repository, "g1").await;
        assert_eq!(copied.sent, Amount { blobs: 1, bytes: missing });
        assert_eq!(world.out.bytes_sent("GET", Kind::Blob), missing);
        assert_eq!(world.into.bytes_received("PUT", Kind::Upload), missing);
    }
}

#[tokio::test]
async fn a_copy_that_was_dropped_in_the_middle_is_done_again() {
    let world = World::start().await;
    let image = world.push(&Image::index(1, &["linux/amd64", "linux/arm64"]), "company/app", "v1").await;
    let (from, to) = (world.from("company/app:v1"), world.to("cache/app", &["g1"]));
    let last = image.children[1].blobs[2].digest.clone();
    // One blob never comes, so that the copy is in the middle for as long as anybody lets it be.
    world.out.fault(Match::blob().path(&last), Fault::forward().stalled_after(100));

    let (options, client) = (CopyOptions::default(), world.client.clone());
    let copy = tokio::spawn(async move { client.copy(&from, &client, &to, &options).await });
    while !lines(&world.out).iter().any(|line| line.contains(&last)) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    copy.abort();
    assert!(copy.await.unwrap_err().is_cancelled());
    assert_eq!(world.destination.target().tags("cache/app").await.unwrap(), [""; 0]);

    world.count_anew();
    world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    world.assert_has(&image, "cache/app", "g1").await;
}

#[tokio::test]
async fn one_who_waits_for_a_copy_that_is_given_up_makes_it() {
    let world = World::start().await;
    let image = world.push(&Image::single(1), "company/app", "v1").await;
    let digest = image.blobs[1].digest.clone();
    world.out.fault(Match::blob().path(&digest).times(1), Fault::never());
    let start = |tag: &str| {
        let (from, to, client) =
            (world.from("company/app:v1"), world.to("cache/app", &[tag]), world.client.clone());
        tokio::spawn(async move { client.copy(&from, &client, &to, &CopyOptions::default()).await })
    };
    let first = start("g1");
    while !lines(&world.out).iter().any(|line| line.contains(&digest)) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = start("g2");
    // It has been seen at the destination, so it waits for the blob by now.
    while !lines(&world.into).iter().any(|line| line.contains("g2")) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    first.abort();
    second.await.unwrap().unwrap();
    world.assert_has(&image, "cache/app", "g2").await;
}

#[tokio::test]
async fn a_tag_that_was_given_to_another_image_is_moved() {
    let world = World::start().await;
    let old = world.push(&Image::single(1), "company/app", "v1").await;
    let new = world.push(&Image::single(2), "company/app", "v2").await;
    let to = world.to("cache/app", &["g1", "current"]);
    world.copy("company/app:v1", &to).await.unwrap();
    world.copy("company/app:v2", &to).await.unwrap();
    for tag in ["g1", "current"] {
        world.assert_has(&new, "cache/app", tag).await;
    }
    world.assert_has(&old, "cache/app", "").await;
}
