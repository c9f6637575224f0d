//! Blobs that the source gives by half, too slowly, or wrongly.

use std::time::Duration;

use rstest::rstest;
use tagger_registry::{CopyError, Fault as Told};
use tagger_testkit::manifest::Blob;
use tagger_testkit::proxy::{Fault, Kind, Match};

use super::ends::*;

/// GETs of the large blob.
fn of_the_large(ends: &Ends) -> Match {
    Match::blob().method("GET").path(&ends.large().digest)
}

/// The `Range` of each GET of the large blob.
fn ranges(ends: &Ends) -> Vec<Option<String>> {
    let digest = &ends.large().digest;
    let requests = ends.source.requests().into_iter();
    let gets = requests.filter(|request| request.method == "GET" && request.path.ends_with(digest));
    gets.map(|get| get.headers.get("range").map(|range| range.to_str().unwrap().to_owned())).collect()
}

/// The large blob is never there, not even for a moment.
async fn assert_not_there(ends: &Ends) {
    assert!(!ends.registry.target().has_blob(INTO, &ends.large().digest).await.unwrap());
    assert!(!ends.registry.stores(&ends.large().digest).unwrap());
    let digest = ends.large().digest.replace(':', "%3A");
    let requests = ends.destination.requests();
    let finished = |request: &&tagger_testkit::proxy::Recorded| {
        request.method == "PUT" && request.query.contains(&digest) && request.status == Some(201)
    };
    assert_eq!(requests.iter().filter(finished).count(), 0);
}

#[rstest]
#[case::cut(Fault::forward().truncated_at(100_000))]
#[case::stalled(Fault::forward().stalled_after(100_000))]
#[tokio::test]
async fn a_blob_that_breaks_off_is_taken_up_where_it_broke(#[case] fault: Fault) {
    let mut ends = Ends::start().await;
    ends.limits = impatient();
    ends.source.fault(of_the_large(&ends).times(1), fault);
    ends.copy().await.unwrap();
    ends.assert_published().await;
    assert_eq!(ranges(&ends), [None, Some("bytes=100000-".into())]);
    let puts = ends.destination.requests().into_iter().filter(|request| request.kind == Kind::Upload);
    assert_eq!(puts.filter(|request| request.method == "PUT").count(), 3, "one for each blob");
}

#[tokio::test]
async fn a_source_that_only_drips_is_given_up() {
    let mut ends = Ends::start().await;
    ends.limits.stall = Duration::from_millis(300);
    ends.source.fault(of_the_large(&ends), Fault::forward().dripping(1, Duration::from_millis(20)));
    let error = ends.copy().await.unwrap_err();
    assert!(matches!(&error, CopyError::Source(_)), "{error:?}");
    assert_eq!(error.reason(), "Timeout");
    assert_not_there(&ends).await;
    ends.source.heal();
    ends.copy().await.unwrap();
    ends.assert_published().await;
}

#[tokio::test]
async fn a_blob_that_breaks_off_again_and_again_arrives_as_long_as_it_gains() {
    let ends = Ends::start().await;
    ends.source.fault(of_the_large(&ends).times(9), Fault::forward().truncated_at(20_000));
    ends.copy().await.unwrap();
    ends.assert_published().await;
    assert_eq!(ranges(&ends).len(), 10);
}

#[tokio::test]
async fn a_blob_that_breaks_off_without_a_gain_is_given_up() {
    let ends = Ends::start().await;
    ends.source.fault(of_the_large(&ends), Fault::forward().truncated_at(0));
    let error = ends.fails_at_the_source("Truncated").await;
    assert!(error.to_string().contains("cut its answer short"), "{error}");
    assert_eq!(ranges(&ends).len(), 3);
    assert_not_there(&ends).await;
    ends.heals().await;
}

#[rstest]
#[case::before_its_first_byte(Fault::never())]
#[case::after_its_head(Fault::forward().stalled_after(0))]
#[tokio::test]
async fn a_blob_that_never_comes_is_given_up(#[case] fault: Fault) {
    let mut ends = Ends::start().await;
    ends.limits = impatient();
    ends.limits.stall = Duration::from_secs(10);
    ends.source.fault(of_the_large(&ends), fault);
    let error = ends.fails_at_the_source("Timeout").await;
    assert!(error.to_string().contains("did not answer in time"), "{error}");
    assert_not_there(&ends).await;
    ends.heals().await;
}

#[tokio::test]
async fn a_source_that_knows_no_ranges_gives_the_whole_again_and_no_byte_goes_twice() {
    let ends = Ends::start().await;
    ends.source.fault(of_the_large(&ends).times(1), Fault::forward().truncated_at(100_000));
    ends.source.fault(of_the_large(&ends), Fault::range_ignored());
    ends.copy().await.unwrap();
    ends.assert_published().await;
    let whole: u64 = ends.image.blobs.iter().map(|blob| blob.bytes.len() as u64).sum();
    assert_eq!(ends.uploaded(), whole);
}

#[rstest]
#[case::from_elsewhere(Fault::forward().request_header("Range", Some("bytes=5-")))]
#[case::said_to_be_from_elsewhere(Fault::forward().header("Content-Range", "bytes 7-299999/300000"))]
#[case::said_to_be_from_nowhere(Fault::forward().without_header("Content-Range"))]
#[case::refused(Fault::status(416).header("Content-Range", "bytes */5"))]
#[tokio::test]
async fn a_part_that_is_not_the_one_that_was_asked_for_is_not_taken(#[case] fault: Fault) {
    let ends = Ends::start().await;
    ends.source.fault(of_the_large(&ends).times(1), Fault::forward().truncated_at(100_000));
    ends.source.fault(of_the_large(&ends).when(|get| get.headers.contains_key("range")), fault);
    // A source that can't give parts gives the whole.
    ends.copy().await.unwrap();
    ends.assert_published().await;
    assert_eq!(ranges(&ends), [None, Some("bytes=100000-".into()), None]);
}

#[tokio::test]
async fn wrong_bytes_of_the_right_size_never_arrive() {
    let ends = Ends::start().await;
    ends.source.fault(of_the_large(&ends), Fault::forward().corrupted());
    let error = ends.fails_at_the_source("DigestMismatch").await;
    assert!(error.to_string().contains(&format!("where {} was asked for", ends.large().digest)), "{error}");
    assert_not_there(&ends).await;
    ends.heals().await;
}

#[tokio::test]
async fn wrong_bytes_in_pieces_never_arrive_either() {
    let ends = Ends::start().await;
    ends.destination.fault(Match::upload().method("PUT").larger_than(0), Fault::too_large());
    ends.source.fault(of_the_large(&ends), Fault::forward().corrupted());
    ends.fails_at_the_source("DigestMismatch").await;
    assert_not_there(&ends).await;
    ends.heals().await;
}

#[rstest]
#[case::more("900000")]
#[case::less("1000")]
#[tokio::test]
async fn a_length_that_lies_is_not_believed_and_the_bytes_are_by_their_hash(#[case] length: &str) {
    let ends = Ends::start().await;
    ends.source.fault(of_the_large(&ends), Fault::forward().header("Content-Length", length));
    ends.copy().await.unwrap();
    ends.assert_published().await;
}

#[rstest]
#[case::less(10)]
#[case::more(100)]
#[case::nothing_at_all(0)]
#[tokio::test]
async fn a_manifest_that_lies_about_a_size_gets_no_blob(#[case] size: u64) {
    let ends = Ends::of(lying(size)).await;
    let error = ends.fails_at_the_source(if size == 0 { "DigestMismatch" } else { "SizeMismatch" }).await;
    if size > 0 {
        assert!(error.to_string().contains(&format!("of a blob of {size}")), "{error}");
    }
    assert_not_there(&ends).await;
}

/// An image whose layer of fifty bytes is said to be another size.
fn lying(size: u64) -> tagger_testkit::manifest::Manifest {
    let blobs = vec![Blob::new("a/config", "{}"), Blob::new("a/layer", vec![b'x'; 50])];
    let mut image = of_blobs(blobs.clone());
    let mut content: serde_json::Value = serde_json::from_slice(&image.bytes).unwrap();
    content["layers"][0]["size"] = size.into();
    image.bytes = content.to_string().into();
    image
}

#[rstest]
#[case::whole(false)]
#[case::in_pieces(true)]
#[tokio::test]
async fn a_blob_that_never_ends_is_given_up_where_it_should_have_ended(#[case] in_pieces: bool) {
    let ends = Ends::start().await;
    if in_pieces {
        ends.destination.fault(Match::upload().method("PUT").larger_than(0), Fault::too_large());
    }
    let large = ends.large().bytes.len() as u64;
    ends.source.fault(of_the_large(&ends), Fault::endless("application/octet-stream"));
    let error = ends.fails_at_the_source("SizeMismatch").await;
    assert!(matches!(error.fault(), Told::SizeMismatch { expected, .. } if *expected == large), "{error:?}");
    let piece = 64 * 1024;
    assert!(ends.uploaded() < 3 * (large + piece), "{}", ends.uploaded());
    assert_not_there(&ends).await;
    ends.heals().await;
}

#[tokio::test]
async fn more_bytes_than_there_should_be_behind_a_good_blob_are_left_where_they_are() {
    let ends = Ends::start().await;
    let mut more = ends.large().bytes.to_vec();
    more.extend([0; 10]);
    ends.source.fault(of_the_large(&ends), Fault::forward().replaced(more));
    ends.fails_at_the_source("SizeMismatch").await;
    assert_not_there(&ends).await;
    ends.heals().await;
}

#[tokio::test]
async fn a_blob_that_the_source_has_not_got_is_told_by_its_digest_and_no_upload_is_begun_for_it() {
    let ends = Ends::start().await;
    let digest = ends.large().digest.clone();
    ends.source.fault(of_the_large(&ends), Fault::oci_error(404, "BLOB_UNKNOWN"));
    let error = ends.fails_at_the_source("PartMissing").await;
    assert!(error.to_string().contains(&format!("names {digest}, which the registry does not have")));
    ends.heals().await;
}
