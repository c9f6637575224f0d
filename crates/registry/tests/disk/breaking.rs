//! Pulls that break off, and what comes wrong.

use std::fs;
use std::time::Duration;

use rstest::rstest;
use tagger_registry::{DiskError, Layout, SaveError};
use tagger_testkit::image::Image;
use tagger_testkit::manifest::Manifest;
use tagger_testkit::proxy::{Fault, Match};

use super::ground::*;

const SIZE: usize = 300_000;

/// An image with one layer that is large.
async fn large(ground: &Ground) -> (Manifest, String) {
    let image = ground.fill(&Image::single(1).layers(1, SIZE), "company/app:v1").await;
    let digest = image.blobs[1].digest.clone();
    (image, digest)
}

fn of_the_large(digest: &str) -> Match {
    Match::blob().method("GET").path(digest)
}

/// The `Range` of each GET of a blob.
fn ranges(ground: &Ground, digest: &str) -> Vec<Option<String>> {
    let gets = ground.proxy.requests().into_iter().filter(|request| request.method == "GET");
    let gets = gets.filter(|get| get.path.ends_with(digest));
    gets.map(|get| get.headers.get("range").map(|range| range.to_str().unwrap().to_owned())).collect()
}

#[rstest]
#[tokio::test]
async fn a_pull_that_broke_off_goes_on_where_it_was(
    #[values(Layout::OciDir, Layout::OciArchive, Layout::DockerArchive)] layout: Layout,
) {
    let ground = Ground::start().await;
    let (image, digest) = large(&ground).await;
    ground.proxy.fault(of_the_large(&digest).times(1), Fault::forward().truncated_at(100_000));
    ground.proxy.fault(of_the_large(&digest), Fault::status(403));
    let path = ground.at("app");
    let error = ground.save("company/app:v1", &path, layout).await.unwrap_err();
    assert!(matches!(error, SaveError::Registry(_)), "{error}");
    assert!(!path.exists(), "nothing is under the final name");
    let part = ground.at("app.part").join("blobs").join(format!("{}.part", digest.replace(':', "/")));
    assert_eq!(fs::metadata(&part).unwrap().len(), 100_000);

    ground.proxy.reset();
    ground.save("company/app:v1", &path, layout).await.unwrap();
    assert_eq!(ranges(&ground, &digest), [Some("bytes=100000-".to_owned())]);
    assert_eq!(ground.given(), image.blobs[1].bytes.len() as u64 - 100_000, "no byte came twice");
    assert_eq!(ground.push(&path, "other/app:v1").await.unwrap().digest.as_str(), image.digest());
}

#[rstest]
#[case::cut(Fault::forward().truncated_at(100_000))]
#[case::stalled(Fault::forward().stalled_after(100_000))]
#[tokio::test]
async fn a_blob_that_breaks_off_is_taken_up_where_it_broke(#[case] fault: Fault) {
    let ground = Ground::start().await;
    let (image, digest) = large(&ground).await;
    ground.proxy.fault(of_the_large(&digest).times(1), fault);
    let saved = ground.save("company/app:v1", &ground.at("app"), Layout::OciDir).await.unwrap();
    assert_eq!(saved.digest.as_str(), image.digest());
    assert_eq!(ranges(&ground, &digest), [None, Some("bytes=100000-".to_owned())]);
    assert_eq!(saved.fetched.bytes, size_of(&image));
}

#[tokio::test]
async fn a_pull_that_is_dropped_keeps_what_came_and_goes_on_there() {
    let mut ground = Ground::start().await;
    ground.limits.first_byte = Duration::from_secs(60);
    let (image, digest) = large(&ground).await;
    ground.proxy.fault(of_the_large(&digest), Fault::forward().stalled_after(100_000));
    let path = ground.at("app.tar");
    let part = ground.at("app.tar.part").join("blobs").join(format!("{}.part", digest.replace(':', "/")));
    let came = async {
        while fs::metadata(&part).map_or(0, |part| part.len()) < 100_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = ground.save("company/app:v1", &path, Layout::OciArchive) => panic!("{ended:?}"),
        () = came => {}
    }
    assert!(!path.exists());
    ground.proxy.reset();
    let saved = ground.save("company/app:v1", &path, Layout::OciArchive).await.unwrap();
    assert_eq!(saved.digest.as_str(), image.digest());
    assert_eq!(ranges(&ground, &digest), [Some("bytes=100000-".to_owned())]);
    assert_eq!(files(ground.folder.path()), ["app.tar"]);
}

#[rstest]
#[case::wrong_bytes(Fault::forward().corrupted(), "DigestMismatch")]
#[case::too_few(Fault::forward().truncated_at(0), "Truncated")]
#[case::too_many(Fault::forward().replaced(vec![7; SIZE * 2]).header("Content-Length", "600000"), "SizeMismatch")]
#[tokio::test]
async fn a_blob_that_is_wrong_never_has_its_name(#[case] fault: Fault, #[case] reason: &str) {
    let ground = Ground::start().await;
    let (image, digest) = large(&ground).await;
    ground.proxy.fault(of_the_large(&digest), fault);
    let path = ground.at("app");
    let error = ground.save("company/app:v1", &path, Layout::OciDir).await.unwrap_err();
    let SaveError::Registry(error) = error else { panic!("{error}") };
    assert_eq!(error.reason(), reason);
    assert!(!path.exists() && !blob_path(&ground.at("app.part"), &digest).exists());
    ground.proxy.heal();
    let saved = ground.save("company/app:v1", &path, Layout::OciDir).await.unwrap();
    assert_eq!(saved.digest.as_str(), image.digest());
    assert_eq!(fs::read(blob_path(&path, &digest)).unwrap(), image.blobs[1].bytes);
}

#[rstest]
#[case::whole(true)]
#[case::partly(false)]
#[tokio::test]
async fn what_was_spoilt_on_the_disk_comes_again(#[case] whole: bool) {
    let ground = Ground::start().await;
    let (image, digest) = large(&ground).await;
    let there = blob_path(&ground.at("app.part"), &digest);
    fs::create_dir_all(there.parent().unwrap()).unwrap();
    fs::write(ground.at("app.part/oci-layout"), "{}").unwrap();
    match whole {
        true => fs::write(&there, vec![0; image.blobs[1].bytes.len()]).unwrap(),
        false => fs::write(there.with_file_name(format!("{}.part", &digest[7..])), [0; 5000]).unwrap(),
    }
    ground.save("company/app:v1", &ground.at("app"), Layout::OciDir).await.unwrap();
    assert_eq!(fs::read(blob_path(&ground.at("app"), &digest)).unwrap(), image.blobs[1].bytes);
    let asked: &[Option<&str>] = if whole { &[None] } else { &[Some("bytes=5000-"), None] };
    let asked: Vec<Option<String>> = asked.iter().map(|range| range.map(str::to_owned)).collect();
    assert_eq!(ranges(&ground, &digest), asked);
}

#[tokio::test]
async fn what_an_earlier_pull_of_another_image_left_does_not_stay() {
    let ground = Ground::start().await;
    let (_, digest) = large(&ground).await;
    ground.proxy.fault(of_the_large(&digest), Fault::status(403));
    ground.save("company/app:v1", &ground.at("app"), Layout::OciDir).await.unwrap_err();
    ground.proxy.heal();
    // The tag moved meanwhile.
    let new = ground.fill(&Image::single(2), "company/app:v1").await;
    ground.save("company/app:v1", &ground.at("app"), Layout::OciDir).await.unwrap();
    assert_eq!(files(&ground.at("app")).len(), 2 + 1 + new.blobs.len());
}

#[tokio::test]
async fn two_pulls_to_one_place_do_not_meet() {
    let ground = Ground::start().await;
    let (_, digest) = large(&ground).await;
    ground.proxy.fault(of_the_large(&digest), Fault::never());
    let path = ground.at("app");
    let second = async {
        while ranges(&ground, &digest).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ground.save("company/app:v1", &path, Layout::OciDir).await
    };
    let error = tokio::select! {
        ended = ground.save("company/app:v1", &path, Layout::OciDir) => panic!("{ended:?}"),
        ended = second => ended.unwrap_err(),
    };
    assert!(matches!(&error, SaveError::Disk(DiskError::Busy { .. })), "{error}");
}

#[tokio::test]
async fn a_manifest_that_names_no_digest_leads_nowhere() {
    let ground = Ground::start().await;
    large(&ground).await;
    let hostile = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[{"digest":"sha256:../../../x","size":1}]}"#;
    let digest = Manifest::raw("", hostile).digest();
    let tag = Match::manifest().method("HEAD");
    ground.proxy.fault(tag, Fault::forward().header("Docker-Content-Digest", &digest));
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let given = Fault::status(200).replaced(hostile).header("Content-Type", media_type);
    ground.proxy.fault(Match::manifest().method("GET"), given);
    let error = ground.save("company/app:v1", &ground.at("app"), Layout::OciDir).await.unwrap_err();
    let SaveError::Registry(error) = error else { panic!("{error}") };
    assert_eq!(error.reason(), "ManifestInvalid");
    assert_eq!(files(ground.folder.path()), [""; 0], "where nothing came, nothing is left");
}

#[tokio::test]
async fn what_is_not_there_is_told_and_leaves_nothing() {
    let ground = Ground::start().await;
    let (image, _) = large(&ground).await;
    let save = async |name: &str| {
        let saved = ground.save(name, &ground.at("app"), Layout::OciDir).await;
        let SaveError::Registry(error) = saved.unwrap_err() else { panic!("no error of the registry's") };
        error.reason()
    };
    assert_eq!(save("company/app:v9").await, "NotFound");
    assert_eq!(save(&format!("company/app@sha256:{}", "0".repeat(64))).await, "NotFound");
    ground.proxy.fault(Match::manifest().method("GET").path(&image.digest()), Fault::status(404));
    assert_eq!(save("company/app:v1").await, "Moved");
    assert_eq!(files(ground.folder.path()), [""; 0]);
}
