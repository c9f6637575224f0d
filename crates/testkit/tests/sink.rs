//! A source gives images from memory, and a sink takes them in and forgets their blobs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use reqwest::Client;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::digest;
use tagger_testkit::sink::Sink;
use tagger_testkit::source::Source;

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

#[tokio::test]
async fn a_source_gives_what_it_was_given_whole_or_from_where_one_likes() {
    let image = Image::single(1).layers(2, 100_000).build().unwrap();
    let given = [(image.clone(), REPOSITORY.to_owned(), "v1".to_owned())];
    let source = Source::start(&given).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str, range: &str| -> (u16, Bytes) {
        let url = format!("http://{}/v2/{REPOSITORY}/{path}", source.address());
        let answer = client.get(url).header("Range", range).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    assert_eq!(get("manifests/v1", "").await, (200, image.bytes.clone()));
    assert_eq!(get(&format!("manifests/{}", image.digest()), "").await, (200, image.bytes.clone()));
    for blob in &image.blobs {
        assert_eq!(get(&format!("blobs/{}", blob.digest), "").await, (200, blob.bytes.clone()));
        let rest = get(&format!("blobs/{}", blob.digest), "bytes=100-").await;
        assert_eq!(rest, (206, blob.bytes.slice(100..)));
    }
    assert_eq!(get(&format!("blobs/{}", digest(b"x")), "").await.0, 404);
}
