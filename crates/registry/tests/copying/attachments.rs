use rstest::rstest;
use serde_json::Value;
use tagger_testkit::attachment::{fallback_tag, signature};
use tagger_testkit::image::Image;

use super::support::*;

fn image() -> Image {
    Image::index(1, &["linux/amd64", "linux/arm64"])
}

#[rstest]
#[tokio::test]
async fn the_tags_of_older_cosigns_follow(#[values("sig", "att", "sbom")] ending: &str) {
    let world = World::start().await;
    let image = world.push(&image(), "company/app", "v1").await;
    let (attached, _) = signature(&pushed(&image));
    let tag = format!("{}.{ending}", fallback_tag(&image.digest()));
    attached.push(&world.source, "company/app", &tag).await.unwrap();
    let to = world.to("cache/app", &["g1"]);
    let copied = world.copy_with_referrers("company/app:v1", &to).await.unwrap();
    assert_eq!(copied.referrers, 1);
    world.assert_has(&attached, "cache/app", &tag).await;
    let mut tags = world.destination.target().tags("cache/app").await.unwrap();
    tags.sort();
    assert_eq!(tags, ["g1".to_owned(), tag.clone()]);

    // Another signature was added since.
    let other = about(&image, SBOM, "another one");
    other.push(&world.source, "company/app", &tag).await.unwrap();
    world.copy_with_referrers("company/app:v1", &to).await.unwrap();
    world.assert_has(&other, "cache/app", &tag).await;
}

#[tokio::test]
async fn what_is_attached_to_a_platform_and_to_an_attachment_follows() {
    let world = World::start().await;
    world.out.serve_referrers(10);
    let image = world.push(&image(), "company/app", "v1").await;
    let of_platform = about(&image.children[1], SBOM, "of one platform");
    let (signed, tag) = signature(&pushed(&image.children[0]));
    let of_attachment = about(&of_platform, "application/vnd.example.signature", "of the first");
    let of_that = about(&of_attachment, "application/vnd.example.signature", "of the second");
    for one in [&of_platform, &of_attachment, &of_that] {
        world.attach(one, "company/app").await;
    }
    signed.push(&world.source, "company/app", &tag).await.unwrap();

    let copied = world.copy_with_referrers("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    assert_eq!(copied.referrers, 4);
    let chain = [&image.children[1], &of_platform, &of_attachment, &of_that];
    for pair in chain.windows(2) {
        world.assert_has(pair[1], "cache/app", "").await;
        let entries = listed(&world.destination, "cache/app", pair[0]).await;
        assert_eq!(digests_in(&entries), [pair[1].digest()]);
    }
    world.assert_has(&signed, "cache/app", &tag).await;
}

#[tokio::test]
async fn an_attachment_that_is_an_index_follows_whole() {
    let world = World::start().await;
    world.out.serve_referrers(10);
    let image = world.push(&image(), "company/app", "v1").await;
    let mut index = index(vec![Image::single(8).build().unwrap(), Image::single(9).build().unwrap()]);
    let mut content: Value = serde_json::from_slice(&index.bytes).unwrap();
    content["subject"] = pushed(&image).descriptor();
    index.bytes = content.to_string().into();
    world.attach(&index, "company/app").await;
    world.copy_with_referrers("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    world.assert_has(&index, "cache/app", "").await;
}

#[tokio::test]
async fn who_wants_no_attachments_asks_for_none() {
    let world = World::start().await;
    world.out.serve_referrers(10);
    let image = world.push(&image(), "company/app", "v1").await;
    let attached = about(&image, SBOM, "left behind");
    world.attach(&attached, "company/app").await;
    world.out.serve_referrers(10);
    let before = lines(&world.out).len();
    let copied = world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    assert_eq!(copied.referrers, 0);
    for line in lines(&world.out)[before..].iter().chain(&lines(&world.into)) {
        assert!(!line.contains("/referrers/") && !line.contains("sha256-"), "{line}");
    }
    assert_eq!(world.destination.target().digest("cache/app", &attached.digest()).await.unwrap(), None);
}
