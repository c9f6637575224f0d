use tagger_core::reference::Reference;
use tagger_registry::{Limits, Removal};
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy, TokenOptions};
use tagger_testkit::registry::RegistryOptions;

use super::support::*;

const REPOSITORY: &str = "cache/app";

fn at(proxy: &Proxy, rest: &str) -> Reference {
    format!("{}/{REPOSITORY}{rest}", proxy.address()).parse().unwrap()
}

async fn sorted_tags(world: &World) -> Vec<String> {
    let mut tags = world.destination.target().tags(REPOSITORY).await.unwrap();
    tags.sort();
    tags
}

#[tokio::test]
async fn the_tags_of_a_repository_are_read_page_by_page() {
    let world = World::start().await;
    let image = Image::single(1).build().unwrap();
    let mut expected = Vec::new();
    for number in 0..7 {
        image.push(&world.destination, REPOSITORY, &format!("g{number}")).await.unwrap();
        expected.push(format!("g{number}"));
    }
    let tags = async || {
        let tags = world.client.tags(&at(&world.into, ":g0")).await.unwrap();
        let mut tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
        tags.sort();
        tags
    };
    assert_eq!(tags().await, expected);
    assert_eq!(world.into.count("GET", Kind::Tags), 1);

    world.into.page_tags(3);
    assert_eq!(tags().await, expected);
    assert_eq!(world.into.count("GET", Kind::Tags), 1 + 3);
}

#[tokio::test]
async fn a_repository_that_is_not_there_has_no_tags() {
    let world = World::start().await;
    assert_eq!(world.client.tags(&at(&world.into, ":g0")).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_list_that_never_ends_or_goes_on_elsewhere_is_refused() {
    let world = World::start().await;
    Image::single(1).push(&world.destination, REPOSITORY, "g0").await.unwrap();
    world.into.fault(Match::tags(), Fault::forward().endless_pages());
    let error = world.client.tags(&at(&world.into, ":g0")).await.unwrap_err();
    assert_eq!(error.reason(), "TooMuch");

    world.into.heal();
    let elsewhere =
        format!("<http://{}/v2/{REPOSITORY}/tags/list?last=g0>; rel=\"next\"", world.out.address());
    world.into.fault(Match::tags(), Fault::forward().header("Link", &elsewhere));
    let error = world.client.tags(&at(&world.into, ":g0")).await.unwrap_err();
    assert_eq!(error.reason(), "ListInvalid");
    assert_eq!(lines(&world.out), [""; 0]);
}

#[tokio::test]
async fn what_is_there_is_given_another_tag() {
    let world = World::start().await;
    let pushed = Image::single(1).push(&world.destination, REPOSITORY, "g0").await.unwrap();
    let reference = at(&world.into, &format!("@{}", pushed.digest));
    world.client.tag(&reference, &"current".parse().unwrap()).await.unwrap();
    let there = world.destination.target().manifest(REPOSITORY, "current").await.unwrap();
    assert_eq!(there, Some((pushed.media_type, pushed.bytes)));
    assert_eq!(lines(&world.into).len(), 2);
    assert_eq!(blob_requests(&world.into), [""; 0]);

    let missing = at(&world.into, &format!("@sha256:{:064x}", 1));
    let error = world.client.tag(&missing, &"current".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.reason(), "NotFound");
}

#[tokio::test]
async fn a_manifest_is_removed_with_its_tags() {
    let world = World::start().await;
    let image = Image::single(1);
    let pushed = image.push(&world.destination, REPOSITORY, "g0").await.unwrap();
    image.push(&world.destination, REPOSITORY, "current").await.unwrap();
    Image::single(2).push(&world.destination, REPOSITORY, "g1").await.unwrap();
    let reference = at(&world.into, &format!(":g0@{}", pushed.digest));
    assert_eq!(world.client.remove(&reference).await, Ok(Removal::Removed));
    assert_eq!(sorted_tags(&world).await, ["g1"]);
    assert_eq!(world.client.remove(&reference).await, Ok(Removal::NotThere));
}

#[tokio::test]
async fn a_registry_that_removes_no_tag_by_itself_says_so_and_keeps_it() {
    let world = World::start().await;
    Image::single(1).push(&world.destination, REPOSITORY, "g0").await.unwrap();
    assert_eq!(world.client.remove(&at(&world.into, ":g0")).await, Ok(Removal::Unsupported));
    assert_eq!(sorted_tags(&world).await, ["g0"]);

    // Newer ones do remove it.
    world.into.fault(Match::manifest().method("DELETE").path("/g0"), Fault::status(202));
    assert_eq!(world.client.remove(&at(&world.into, ":g0")).await, Ok(Removal::Removed));
}

#[tokio::test]
async fn a_registry_that_removes_nothing_says_so() {
    let world = World::of(RegistryOptions::default().without_delete(), Limits::default()).await;
    let pushed = Image::single(1).push(&world.destination, REPOSITORY, "g0").await.unwrap();
    for rest in [format!("@{}", pushed.digest), ":g0".into(), format!("@sha256:{:064x}", 1)] {
        assert_eq!(world.client.remove(&at(&world.into, &rest)).await, Ok(Removal::Unsupported));
    }
    assert_eq!(sorted_tags(&world).await, ["g0"]);
}

#[tokio::test]
async fn only_who_removes_asks_for_a_token_that_may() {
    let world = World::start().await;
    let pushed = Image::single(1).push(&world.destination, REPOSITORY, "g0").await.unwrap();
    world.into.require_tokens(TokenOptions::default());
    world.client.tags(&at(&world.into, ":g0")).await.unwrap();
    let reference = at(&world.into, &format!("@{}", pushed.digest));
    assert_eq!(world.client.remove(&reference).await, Ok(Removal::Removed));
    let asked = world.into.token_requests();
    let scopes: Vec<_> = asked.iter().flat_map(|request| request.scopes()).collect();
    assert_eq!(scopes, ["repository:cache/app:pull", "repository:cache/app:pull,push,delete"]);
}

#[tokio::test]
async fn who_may_write_and_not_remove_is_told_so() {
    let world = World::start().await;
    let pushed = Image::single(1).push(&world.destination, REPOSITORY, "g0").await.unwrap();
    world.into.fault(Match::manifest().method("DELETE"), Fault::status(403));
    let reference = at(&world.into, &format!("@{}", pushed.digest));
    assert_eq!(world.client.remove(&reference).await, Ok(Removal::Unsupported));
}
