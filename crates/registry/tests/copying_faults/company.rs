//! Several copies at once that want the same blob.

use std::time::Duration;

use tagger_registry::{Anonymous, Client, Copied, CopyError, CopyOptions};
use tagger_testkit::proxy::{Fault, Kind, Match};
use tokio::task::JoinHandle;

use super::ends::*;

fn begin(ends: &Ends, client: &Client, repository: &str) -> JoinHandle<Result<Copied, CopyError>> {
    let (from, into, client) = (ends.from(), ends.towards(repository), client.clone());
    tokio::spawn(async move { client.copy(&from, &client, &into, &CopyOptions::default()).await })
}

fn of_the_large(ends: &Ends) -> Match {
    Match::blob().method("GET").path(&ends.large().digest)
}

fn reads(ends: &Ends) -> usize {
    let requests = ends.source.requests();
    requests
        .iter()
        .filter(|request| request.path.ends_with(&ends.large().digest) && request.method == "GET")
        .count()
}

async fn until(met: impl Fn() -> bool) {
    let waiting = async {
        while !met() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}

#[tokio::test]
async fn when_one_copy_is_dropped_the_other_takes_over_its_blob() {
    let ends = Ends::start().await;
    let client = ends.client(Anonymous);
    ends.source.fault(of_the_large(&ends).times(1), Fault::forward().stalled_after(100_000));
    let first = begin(&ends, &client, "cache/team/first");
    until(|| reads(&ends) == 1).await;
    let second = begin(&ends, &client, INTO);
    until(|| {
        ends.destination
            .requests()
            .iter()
            .any(|request| request.repository == INTO && request.kind == Kind::Upload)
    })
    .await;
    assert_eq!(reads(&ends), 1, "the second one waits");
    first.abort();
    second.await.unwrap().unwrap();
    assert_eq!(reads(&ends), 2);
    ends.assert_published().await;
    assert_eq!(ends.registry.target().tags("cache/team/first").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn when_one_copy_fails_the_other_takes_over_its_blob() {
    let ends = Ends::start().await;
    let client = ends.client(Anonymous);
    let missing = Fault::oci_error(404, "BLOB_UNKNOWN").delay(Duration::from_millis(300));
    ends.source.fault(of_the_large(&ends).times(1), missing);
    let first = begin(&ends, &client, "cache/team/first");
    until(|| reads(&ends) == 1).await;
    let second = begin(&ends, &client, INTO);
    assert_eq!(first.await.unwrap().unwrap_err().reason(), "PartMissing");
    second.await.unwrap().unwrap();
    ends.assert_published().await;
}

#[tokio::test]
async fn a_copy_that_was_dropped_goes_on_with_what_is_missing() {
    let ends = Ends::start().await;
    let client = ends.client(Anonymous);
    ends.source.fault(of_the_large(&ends).times(1), Fault::forward().stalled_after(100_000));
    let first = begin(&ends, &client, INTO);
    until(|| ends.destination.count("PUT", Kind::Upload) == 3).await;
    let small = async {
        for blob in ends.image.blobs.iter().filter(|blob| blob.digest != ends.large().digest) {
            while !ends.registry.target().has_blob(INTO, &blob.digest).await.unwrap() {}
        }
    };
    small.await;
    first.abort();
    let _ = first.await;
    ends.assert_nothing_is_published().await;
    assert_eq!(ends.heals().await.present.blobs, 2);
}
