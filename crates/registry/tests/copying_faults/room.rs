//! Destinations without room, and such that take no writes.

use rstest::rstest;
use tagger_registry::{Anonymous, Retry};
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Match};
use tagger_testkit::registry::RegistryOptions;

use super::ends::*;

#[tokio::test]
async fn a_disk_that_is_full_from_the_start_is_told() {
    let ends = Ends::with(image(), RegistryOptions::default().full_disk()).await;
    let error = ends.fails_at_the_destination("StorageFull").await;
    assert_eq!(error.retry(), Retry::Soon);
    let host = ends.destination.address();
    assert!(error.to_string().contains(&format!("{host} has no room left")), "{error}");
    ends.registry.free_disk().await.unwrap();
    ends.heals().await;
}

#[tokio::test]
async fn a_disk_that_fills_up_is_told_and_what_is_published_stays() {
    let large = Image::single(1).layers(3, 1_500_000).build().unwrap();
    let ends =
        Ends::with(Image::single(8).build().unwrap(), RegistryOptions::default().disk_of(4 << 20)).await;
    let published = ends.heals().await.digest;
    let digest = ends.registry.target().digest(INTO, "g0").await.unwrap();
    assert_eq!(digest.as_deref(), Some(published.as_str()));

    let shop = [(large.clone(), FROM.into(), "v1".into())];
    let shop = tagger_testkit::source::Source::start(&shop).await.unwrap();
    let client = ends.client(Anonymous);
    client.also_reach(&shop.address().parse().unwrap(), true);
    let from = format!("{}/{FROM}:v1", shop.address()).parse().unwrap();
    let error = client.copy(&from, &client, &ends.towards(INTO), &Default::default()).await.unwrap_err();
    assert_eq!(error.reason(), "StorageFull", "{error}");
    assert!(!format!("{error:?}").contains("/docker/registry"), "{error:?}");
    assert_eq!(ends.registry.target().digest(INTO, "g0").await.unwrap(), digest);
    ends.assert_published().await;
}

#[rstest]
#[case(Fault::status(507))]
#[case(Fault::status(403).replaced(r#"{"errors":[{"code":"DENIED","message":"Quota exceeded when processing the request"}]}"#))]
#[tokio::test]
async fn a_quota_that_is_used_up_is_told_as_such(
    #[case] fault: Fault,
    #[values("POST", "PUT")] method: &str,
) {
    let ends = Ends::start().await;
    ends.destination.fault(Match::upload().method(method), fault);
    let error = ends.fails_at_the_destination("StorageFull").await;
    assert!(error.to_string().contains("in its quota; make room, or give it more"), "{error}");
    ends.heals().await;
}

#[tokio::test]
async fn a_name_with_quota_in_it_is_no_full_disk() {
    let ends = Ends::start().await;
    let body = r#"{"errors":[{"code":"DENIED","detail":[{"Name":"company/quota-exceeded"}]}]}"#;
    ends.source.fault(Match::manifest(), Fault::status(403).replaced(body));
    ends.fails_at_the_source("Unauthorized").await;
    ends.heals().await;
}

#[tokio::test]
async fn a_registry_that_is_read_only_is_told_and_what_is_published_stays() {
    let ends = Ends::with(image(), RegistryOptions::default().read_only()).await;
    let error = ends.fails_at_the_destination("ReadOnly").await;
    assert_eq!(error.retry(), Retry::WhenChanged);
    let host = ends.destination.address();
    assert!(error.to_string().contains(&format!("{host} takes no writes; is it read-only")), "{error}");
    ends.registry.set_read_only(false).await.unwrap();
    ends.heals().await;

    // What is there needs no write.
    ends.registry.set_read_only(true).await.unwrap();
    ends.copy().await.unwrap();
    ends.assert_published().await;
}
