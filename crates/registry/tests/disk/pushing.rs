//! What goes to a registry, and what does not.

use std::fs;
use std::sync::{Arc, Mutex};

use rstest::rstest;
use tagger_registry::{Amount, Choice, Damage, DiskError, Layout, OnDisk, Progress, PushError};
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Kind, Match};

use super::ground::*;

#[tokio::test]
async fn what_is_there_is_not_sent() {
    let ground = Ground::start().await;
    let image = ground.fill(&Image::single(1).layers(3, 50_000).layers_of(9), "company/app:v1").await;
    ground.fill(&Image::single(2).layers(3, 50_000).layers_of(9), "other/app:old").await;
    let path = ground.at("app");
    ground.save("company/app:v1", &path, Layout::OciDir).await.unwrap();
    ground.proxy.reset();
    let sums: Arc<Mutex<[u64; 3]>> = Arc::default();
    let told = sums.clone();
    let tell = move |progress| match progress {
        Progress::Found(bytes) => told.lock().unwrap()[0] += bytes,
        Progress::Passed(bytes) => told.lock().unwrap()[1] += bytes,
        Progress::Spared(bytes) => told.lock().unwrap()[2] += bytes,
    };
    let on_disk = Arc::new(OnDisk::open(&path, &Choice::default()).await.unwrap());
    assert_eq!((on_disk.digest().as_str(), on_disk.bytes()), (&*image.digest(), size_of(&image)));
    let to = ground.to("other/app:new");
    let pushed = ground.client().push(&on_disk, &to, Some(Arc::new(tell))).await.unwrap();
    let own = image.blobs[0].bytes.len() as u64;
    assert_eq!(pushed.sent, Amount { blobs: 1, bytes: own });
    assert_eq!((pushed.present.blobs, ground.taken()), (3, own));
    assert_eq!(*sums.lock().unwrap(), [size_of(&image), own, size_of(&image) - own]);

    ground.proxy.reset();
    let again = ground.client().push(&on_disk, &to, None).await.unwrap();
    assert_eq!((again.sent, again.digest), (Amount::default(), pushed.digest));
    assert!(ground.proxy.requests().iter().all(|request| request.method == "HEAD"));
}

#[tokio::test]
async fn children_go_before_their_index_and_the_tag_last() {
    let ground = Ground::start().await;
    ground.fill(&index(), "company/app:v1").await;
    let path = ground.at("app.tar");
    ground.save("company/app:v1", &path, Layout::OciArchive).await.unwrap();
    ground.proxy.reset();
    ground.push(&path, "other/app:v1").await.unwrap();
    let puts = ground.proxy.requests().into_iter().filter(|request| request.method == "PUT");
    let kinds: Vec<Kind> = puts.clone().map(|put| put.kind).collect();
    let manifests: Vec<String> = puts.filter(|put| put.kind == Kind::Manifest).map(|put| put.path).collect();
    assert_eq!(manifests.len(), 4);
    assert!(manifests[3].ends_with("/v1"), "{manifests:?}");
    let last_blob = kinds.iter().rposition(|kind| *kind == Kind::Upload).unwrap();
    assert!(last_blob < kinds.len() - 2, "{kinds:?}");
}

#[rstest]
#[case::lost_answer(Match::upload().method("PUT").times(1), Fault::forward().answer_lost())]
#[case::server_error(Match::upload().method("PUT").times(1), Fault::status(503))]
#[case::in_pieces_only(Match::upload().method("PUT").larger_than(1000), Fault::too_large())]
#[tokio::test]
async fn a_fault_that_passes_is_passed_over(#[case] matching: Match, #[case] fault: Fault) {
    let ground = Ground::start().await;
    let image = ground.fill(&Image::single(1).layers(2, 100_000), "company/app:v1").await;
    let path = ground.at("app");
    ground.save("company/app:v1", &path, Layout::OciDir).await.unwrap();
    ground.proxy.fault(matching, fault);
    ground.push(&path, "other/app:v1").await.unwrap();
    assert!(ground.has(&image, "other/app:v1").await);
}

#[rstest]
#[tokio::test]
async fn a_blob_that_is_not_what_its_digest_says_stops_it(
    #[values(Layout::OciDir, Layout::OciArchive)] layout: Layout,
) {
    let ground = Ground::start().await;
    let image = ground.fill(&Image::single(1).layers(1, 100_000), "company/app:v1").await;
    let path = ground.at("app");
    ground.save("company/app:v1", &path, layout).await.unwrap();
    let file = if layout == Layout::OciDir { blob_path(&path, &image.blobs[1].digest) } else { path.clone() };
    let mut content = fs::read(&file).unwrap();
    let layer = &image.blobs[1].bytes[..];
    let begin = content.windows(100).position(|part| part == &layer[..100]).unwrap();
    content[begin + 50_000] ^= 1;
    fs::write(&file, content).unwrap();
    let error = ground.push(&path, "other/app:v1").await.unwrap_err();
    let PushError::Disk(DiskError::Damaged { problem: Damage::Digest { expected, .. }, .. }) = &error else {
        panic!("{error}")
    };
    assert_eq!(expected.as_str(), image.blobs[1].digest);
    assert!(ground.is_untouched("other/app").await);
    assert!(!ground.registry.target().has_blob("other/app", &image.blobs[1].digest).await.unwrap());
}

#[rstest]
#[case::a_layer(|image: &tagger_testkit::manifest::Manifest| image.children[0].blobs[1].digest.clone(), "which is not there")]
#[case::a_child(|image: &tagger_testkit::manifest::Manifest| image.children[1].digest(), "which is not there")]
#[case::the_index(|image: &tagger_testkit::manifest::Manifest| image.digest(), "which is not there")]
#[tokio::test]
async fn an_image_with_a_part_missing_sends_nothing(
    #[case] part: impl Fn(&tagger_testkit::manifest::Manifest) -> String,
    #[case] told: &str,
) {
    let ground = Ground::start().await;
    let image = ground.fill(&index(), "company/app:v1").await;
    let path = ground.at("app");
    ground.save("company/app:v1", &path, Layout::OciDir).await.unwrap();
    fs::remove_file(blob_path(&path, &part(&image))).unwrap();
    ground.proxy.reset();
    let error = ground.push(&path, "other/app:v1").await.unwrap_err().to_string();
    assert!(error.contains(told), "{error}");
    assert_eq!(ground.proxy.requests().len(), 0);
}

#[tokio::test]
async fn a_blob_that_has_another_size_sends_nothing() {
    let ground = Ground::start().await;
    let image = ground.fill(&Image::single(1), "company/app:v1").await;
    let path = ground.at("app");
    ground.save("company/app:v1", &path, Layout::OciDir).await.unwrap();
    fs::write(blob_path(&path, &image.blobs[1].digest), "short").unwrap();
    ground.proxy.reset();
    let error = ground.push(&path, "other/app:v1").await.unwrap_err().to_string();
    assert!(error.contains("has 5 bytes and should have"), "{error}");
    assert_eq!(ground.proxy.requests().len(), 0);
}
