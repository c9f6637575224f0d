//! Several tenants, one cache: nobody gets by it what he could not read by himself.

use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Client, Copied, CopyError, CopyOptions};
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy};
use tagger_testkit::source::Source;
use tagger_testkit::target::Target;

use super::ends::*;

const STRANGER: &str = "cache/stranger/app";

/// One tenant's copy is in the cache already, and nothing that was asked so far counts.
async fn mirrored() -> (Ends, Client) {
    let ends = Ends::start().await;
    let client = ends.client(Anonymous);
    ends.copy_by(&client).await.unwrap();
    ends.source.reset();
    ends.destination.reset();
    (ends, client)
}

/// The other tenant's copy, by credentials of his own.
async fn strangers_copy(ends: &Ends, client: &Client, from: &Reference) -> Result<Copied, CopyError> {
    let his = client.with_only(Anonymous);
    his.copy(from, client, &ends.towards(STRANGER), &CopyOptions::default()).await
}

fn mounts(ends: &Ends) -> usize {
    ends.destination.requests().iter().filter(|request| request.query.contains("mount=")).count()
}

async fn assert_the_stranger_has_nothing(ends: &Ends) {
    let target = ends.registry.target();
    assert_eq!(target.tags(STRANGER).await.unwrap(), Vec::<String>::new());
    assert!(!target.has_blob(STRANGER, &ends.large().digest).await.unwrap());
}

/// A registry of the stranger's own, that has the same manifest.
async fn own_registry(ends: &Ends, client: &Client) -> (Proxy, Source, Reference) {
    let shop = Source::start(&[(ends.image.clone(), "evil/app".into(), "v1".into())]).await.unwrap();
    let target = Target::new(&format!("http://{}", shop.address()), None, None).unwrap();
    let proxy = Proxy::start(&target).await.unwrap();
    client.also_reach(&proxy.address().parse().unwrap(), true);
    let from = format!("{}/evil/app:v1", proxy.address()).parse().unwrap();
    (proxy, shop, from)
}

#[tokio::test]
async fn a_manifest_of_another_registry_that_names_a_blob_does_not_give_it() {
    let (ends, client) = mirrored().await;
    let (evil, _shop, from) = own_registry(&ends, &client).await;
    evil.fault(Match::blob().method("GET"), Fault::oci_error(404, "BLOB_UNKNOWN"));
    // Though it says that it has the blob.
    let error = strangers_copy(&ends, &client, &from).await.unwrap_err();
    assert_eq!(error.reason(), "PartMissing", "{error}");
    assert_eq!(mounts(&ends), 0);
    assert_the_stranger_has_nothing(&ends).await;
}

#[tokio::test]
async fn the_bytes_of_another_registry_s_image_come_from_there() {
    let (ends, client) = mirrored().await;
    let (own, _shop, from) = own_registry(&ends, &client).await;
    let copied = strangers_copy(&ends, &client, &from).await.unwrap();
    assert_eq!((copied.sent.blobs, copied.mounted.blobs, mounts(&ends)), (3, 0, 0));
    assert_eq!((own.count("GET", Kind::Blob), ends.source.requests().len()), (3, 0));
}

#[tokio::test]
async fn a_manifest_of_another_repository_that_names_a_blob_does_not_give_it() {
    let (ends, client) = mirrored().await;
    let from = format!("{}/{OTHER}:v1", ends.source.address()).parse().unwrap();
    ends.source.fault(Match::blob().repository(OTHER), Fault::oci_error(404, "BLOB_UNKNOWN"));
    let error = strangers_copy(&ends, &client, &from).await.unwrap_err();
    assert_eq!(error.reason(), "PartMissing", "{error}");
    assert_eq!(mounts(&ends), 0);
    assert_the_stranger_has_nothing(&ends).await;
}

#[tokio::test]
async fn what_another_repository_of_the_same_registry_has_by_its_own_word_is_mounted() {
    let (ends, client) = mirrored().await;
    let from = format!("{}/{OTHER}:v1", ends.source.address()).parse().unwrap();
    let copied = strangers_copy(&ends, &client, &from).await.unwrap();
    assert_eq!((copied.mounted.blobs, copied.sent.blobs, ends.uploaded()), (3, 0, 0));
    let asked = ends.source.requests().into_iter().filter(|request| request.kind == Kind::Blob);
    assert!(asked.map(|head| (head.method, head.repository)).eq(vec![("HEAD".into(), OTHER.into()); 3]));
}

#[tokio::test]
async fn who_may_not_read_the_repository_gets_nothing_of_what_was_copied_from_it() {
    let (ends, client) = mirrored().await;
    ends.source.fault(Match::any(), Fault::status(403));
    let error = strangers_copy(&ends, &client, &ends.from()).await.unwrap_err();
    assert_eq!(error.reason(), "Unauthorized");
    // Nor by its digest, which he may know.
    let pinned = ends.from().pinned(&ends.image.digest().parse().unwrap());
    let error = strangers_copy(&ends, &client, &pinned).await.unwrap_err();
    assert_eq!(error.reason(), "Unauthorized");
    assert_eq!(mounts(&ends), 0);
    assert_the_stranger_has_nothing(&ends).await;
}
