//! Destinations that break, refuse or forget uploads.

use rstest::rstest;
use tagger_registry::{Anonymous, Client, CopyOptions};
use tagger_testkit::manifest::Manifest;
use tagger_testkit::proxy::{Fault, Kind, Match, Recorded};

use super::ends::*;

/// The PUT of a blob's bytes in one piece.
fn whole() -> Match {
    Match::upload().method("PUT").larger_than(1_000)
}

fn uploads(ends: &Ends, method: &str) -> Vec<Recorded> {
    let requests = ends.destination.requests().into_iter();
    requests.filter(|request| request.kind == Kind::Upload && request.method == method).collect()
}

/// The same image at the source in two repositories of the destination: the second copy wants to mount.
async fn copy_to_the_neighbour(ends: &Ends, client: &Client) {
    let destination = ends.towards("cache/team/neighbour");
    client.copy(&ends.from(), client, &destination, &CopyOptions::default()).await.unwrap();
    ends.destination.reset();
}

#[rstest]
#[case::in_the_middle(Fault::forward().upload_cut_at(100_000))]
#[case::at_the_start(Fault::forward().upload_cut_at(0))]
#[case::session_lost(Fault::upload_lost())]
#[case::token_run_out(Fault::status(401))]
#[tokio::test]
async fn an_upload_that_broke_is_made_again(#[case] fault: Fault) {
    let ends = Ends::start().await;
    ends.destination.fault(whole().times(1), fault);
    ends.copy().await.unwrap();
    ends.assert_published().await;
}

#[tokio::test]
async fn a_destination_that_limits_uploads_is_left_alone_with_everything() {
    let ends = Ends::start().await;
    let client = ends.client(Anonymous);
    ends.destination.fault(whole(), Fault::status(429).header("Retry-After", "60"));
    assert_eq!(ends.copy_by(&client).await.unwrap_err().reason(), "RateLimited");
    ends.destination.heal();
    ends.destination.reset();
    assert_eq!(ends.copy_by(&client).await.unwrap_err().reason(), "RateLimited");
    assert_eq!(ends.destination.requests().len(), 0);
}

#[tokio::test]
async fn a_destination_that_stops_taking_bytes_is_given_up_and_tried_again() {
    let mut ends = Ends::of(of_blobs(vec![
        tagger_testkit::manifest::Blob::new("a/config", "{}"),
        tagger_testkit::manifest::Blob::new("a/layer", vec![7; 24 << 20]),
    ]))
    .await;
    ends.limits.stall = std::time::Duration::from_secs(1);
    ends.limits.tries = 1;
    ends.destination.fault(whole(), Fault::forward().upload_stalled_after(1 << 20));
    let error = ends.fails_at_the_destination("Timeout").await;
    assert!(error.to_string().contains("did not answer in time"), "{error}");
    ends.heals().await;
}

#[tokio::test]
async fn a_blob_whose_last_answer_was_lost_is_not_sent_again() {
    let ends = Ends::start().await;
    ends.destination.fault(whole(), Fault::forward().answer_lost());
    ends.copy().await.unwrap();
    ends.assert_published().await;
    let bytes: u64 = ends.image.blobs.iter().map(|blob| blob.bytes.len() as u64).sum();
    assert_eq!(ends.uploaded(), bytes);
}

#[tokio::test]
async fn a_manifest_whose_answer_was_lost_is_there() {
    let ends = Ends::start().await;
    ends.destination.fault(Match::manifest().method("PUT").times(1), Fault::forward().answer_lost());
    ends.copy().await.unwrap();
    ends.assert_published().await;
}

#[tokio::test]
async fn a_session_that_is_lost_each_time_is_told() {
    let ends = Ends::start().await;
    ends.destination.fault(whole(), Fault::upload_lost());
    ends.destination.fault(Match::upload().method("PATCH"), Fault::upload_lost());
    let error = ends.fails_at_the_destination("UploadFailed").await;
    assert!(error.to_string().contains("did not keep what was uploaded: the upload session was lost"));
    ends.heals().await;
}

#[tokio::test]
async fn good_bytes_that_are_called_wrong_are_told() {
    let ends = Ends::start().await;
    ends.destination.fault(whole(), Fault::oci_error(400, "DIGEST_INVALID"));
    let error = ends.fails_at_the_destination("UploadFailed").await;
    assert!(error.to_string().contains("says that the digest is wrong, which it is not"), "{error}");
    ends.heals().await;
}

#[tokio::test]
async fn what_is_too_large_for_one_request_goes_in_pieces_and_that_is_remembered() {
    let ends = Ends::start().await;
    ends.destination.fault(whole(), Fault::too_large());
    let client = ends.client(Anonymous);
    ends.copy_by(&client).await.unwrap();
    ends.assert_published().await;
    let refused = uploads(&ends, "PUT").iter().filter(|put| put.status == Some(413)).count();
    assert!(refused >= 1);

    // The next blobs for that registry go in pieces from the start.
    let other = tagger_testkit::image::Image::single(7).layers(3, 20_000).build().unwrap();
    let shop =
        tagger_testkit::source::Source::start(&[(other.clone(), FROM.into(), "v1".into())]).await.unwrap();
    let insecure = shop.address().parse().unwrap();
    client.also_reach(&insecure, true);
    let from = format!("{}/{FROM}:v1", shop.address()).parse().unwrap();
    client.copy(&from, &client, &ends.towards("cache/team/other"), &CopyOptions::default()).await.unwrap();
    assert_eq!(uploads(&ends, "PUT").iter().filter(|put| put.status == Some(413)).count(), refused);
}

#[tokio::test]
async fn a_piece_that_is_too_large_as_well_is_told() {
    let ends = Ends::start().await;
    for method in ["PUT", "PATCH"] {
        ends.destination.fault(Match::upload().method(method).larger_than(0), Fault::too_large());
    }
    let error = ends.fails_at_the_destination("UploadFailed").await;
    assert!(error.to_string().contains("neither in one piece nor in several"), "{error}");
    ends.heals().await;
}

#[rstest]
#[case::answered_with_an_upload(Fault::mount_refused())]
#[case::not_found(Fault::oci_error(404, "NAME_UNKNOWN"))]
#[case::not_done(Fault::oci_error(405, "UNSUPPORTED"))]
#[case::not_done_in_no_words(Fault::status(405))]
#[case::not_let_in(Fault::status(401))]
#[case::forbidden(Fault::oci_error(403, "DENIED"))]
#[case::not_understood(Fault::oci_error(400, "NAME_INVALID"))]
#[tokio::test]
async fn a_mount_that_is_refused_ends_in_an_upload(#[case] fault: Fault) {
    let ends = Ends::start().await;
    let client = ends.client(Anonymous);
    copy_to_the_neighbour(&ends, &client).await;
    ends.destination.fault(Match::mount(), fault);
    let copied = ends.copy_by(&client).await.unwrap();
    assert_eq!((copied.mounted.blobs, copied.sent.blobs), (0, 3));
    ends.assert_published().await;
}

#[tokio::test]
async fn a_mount_that_is_answered_with_an_upload_is_that_upload() {
    let ends = Ends::start().await;
    let client = ends.client(Anonymous);
    copy_to_the_neighbour(&ends, &client).await;
    ends.destination.fault(Match::mount(), Fault::mount_refused());
    ends.copy_by(&client).await.unwrap();
    let posts = uploads(&ends, "POST");
    assert!(posts.len() == 3 && posts.iter().all(|post| post.query.contains("mount=")), "{posts:?}");
}

#[tokio::test]
async fn where_nothing_is_mounted_what_is_there_is_not_sent_again() {
    let ends = Ends::start().await;
    let client = ends.client(Anonymous);
    for blob in &ends.image.blobs {
        ends.registry.target().push_blob(INTO, blob).await.unwrap();
    }
    copy_to_the_neighbour(&ends, &client).await;
    ends.destination.fault(Match::mount(), Fault::mount_refused());
    let copied = ends.copy_by(&client).await.unwrap();
    assert_eq!((copied.sent.blobs, copied.present.blobs, ends.uploaded()), (0, 3, 0));
    ends.assert_published().await;
}

#[tokio::test]
async fn a_registry_that_can_t_be_asked_with_head_gets_what_it_lacks() {
    let ends = Ends::start().await;
    ends.destination.fault(Match::any().method("HEAD"), Fault::status(405));
    ends.source.fault(Match::any().method("HEAD"), Fault::status(405));
    ends.copy().await.unwrap();
    ends.assert_published().await;
}

#[tokio::test]
async fn parts_that_were_cleared_away_after_they_were_seen_are_sent_again() {
    let ends = Ends::start().await;
    let client = ends.client(Anonymous);
    ends.copy_by(&client).await.unwrap();
    // The manifest goes, by hand, and then a blob behind its back: what was seen an hour ago is no longer so.
    ends.registry.target().delete(INTO, &ends.image.digest()).await.unwrap();
    ends.registry.lose_blob(&ends.large().digest).unwrap();
    ends.destination.reset();
    let copied = ends.copy_by(&client).await.unwrap();
    assert_eq!((copied.sent.blobs, ends.uploaded()), (1, ends.large().bytes.len() as u64));
    ends.assert_published().await;
}

#[tokio::test]
async fn a_blob_that_a_head_finds_and_the_manifest_does_not_is_told_and_the_next_try_sends_it() {
    let ends = Ends::start().await;
    let large = ends.large().digest.clone();
    ends.destination.fault(Match::blob().method("HEAD").path(&large), Fault::status(200));
    let error = ends.fails_at_the_destination("PartsLost").await;
    assert!(error.to_string().contains("has lost parts of the image"), "{error}");
    ends.heals().await;
}

#[rstest]
#[case::for_a_moment(Fault::oci_error(400, "MANIFEST_BLOB_UNKNOWN"))]
#[case::failing(Fault::oci_error(500, "UNKNOWN"))]
#[tokio::test]
async fn a_manifest_that_is_refused_for_a_moment_is_written_again(#[case] fault: Fault) {
    let ends = Ends::of(index_of(vec![image()])).await;
    ends.destination.fault(Match::manifest().method("PUT").times(1), fault.clone());
    ends.copy().await.unwrap();
    assert_published_at(&ends, &ends.image).await;
    ends.assert_published().await;
}

async fn assert_published_at(ends: &Ends, image: &Manifest) {
    for child in &image.children {
        let there = ends.registry.target().manifest(INTO, &child.digest()).await.unwrap();
        assert_eq!(there.unwrap().1, child.bytes);
    }
}

#[tokio::test]
async fn a_manifest_that_is_read_back_as_another_is_told() {
    let ends = Ends::start().await;
    let by_digest = Match::manifest().method("GET").path("sha256:").after(1);
    ends.destination.fault(by_digest, Fault::forward().corrupted());
    let error = ends.copy().await.unwrap_err();
    assert_eq!(error.reason(), "DigestMismatch");
    ends.heals().await;
}

#[tokio::test]
async fn a_destination_that_names_no_digest_or_another_one_is_read_and_hashed() {
    for fault in [
        Fault::forward().without_header("Docker-Content-Digest"),
        Fault::forward().header("Docker-Content-Digest", &format!("sha256:{:064}", 0)),
    ] {
        let ends = Ends::of(index_of(vec![image()])).await;
        ends.destination.fault(Match::manifest(), fault);
        ends.copy().await.unwrap();
        ends.assert_published().await;
    }
}
