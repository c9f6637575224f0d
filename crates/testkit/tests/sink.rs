//! A sink takes images in and forgets their blobs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use reqwest::Client;
use tagger_testkit::image::Image;
use tagger_testkit::sink::Sink;

const REPOSITORY: &str = "company/myapp";

#[tokio::test]
async fn a_sink_gives_back_manifests_and_has_no_blobs() {
    let sink = Sink::start().await.unwrap();
    let target = sink.target().unwrap();
    let image = Image::index(1, &["linux/amd64", "linux/arm64"]).layers(2, 100_000).build().unwrap();
    for tag in ["v1", "v2"] {
        let pushed = image.push(&target, REPOSITORY, tag).await.unwrap();
        assert_eq!(target.digest(REPOSITORY, tag).await.unwrap(), Some(pushed.digest.clone()));
        let (media_type, bytes) = target.manifest(REPOSITORY, &pushed.digest).await.unwrap().unwrap();
        assert_eq!((media_type, bytes), (pushed.media_type, pushed.bytes));
    }
    let blobs = image.children.iter().flat_map(|child| &child.blobs);
    let bytes: usize = blobs.map(|blob| blob.bytes.len()).sum();
    assert_eq!(sink.bytes(), 2 * bytes as u64, "the second push sends all again");
    assert!(!target.has_blob(REPOSITORY, &image.children[0].blobs[0].digest).await.unwrap());
    assert_eq!(target.digest(REPOSITORY, "other").await.unwrap(), None);
    sink.reset();
    assert_eq!((sink.bytes(), sink.requests()), (0, 0));
    assert_eq!(target.digest(REPOSITORY, "v1").await.unwrap(), None);
}

#[tokio::test]
async fn a_sink_takes_chunks_and_tells_how_far_they_are() {
    let sink = Sink::start().await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let base = format!("http://{}", sink.address());
    let begun = client.post(format!("{base}/v2/a/blobs/uploads/?mount=x&from=y")).send().await.unwrap();
    let place = format!("{base}{}", begun.headers()["location"].to_str().unwrap());
    for range in ["0-9", "0-19"] {
        let answer = client.patch(&place).body("0123456789").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["range"] == range), (202, true));
    }
    assert_eq!(client.get(&place).send().await.unwrap().status(), 204);
    assert_eq!(client.put(format!("{place}?digest=sha256:00")).send().await.unwrap().status(), 201);
    assert_eq!(client.patch(&place).send().await.unwrap().status(), 404);
    assert_eq!(sink.bytes(), 20);
}
