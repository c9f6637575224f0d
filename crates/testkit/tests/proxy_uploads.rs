//! A proxy counts what passes in both directions, and breaks uploads, ranges and lists as it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use http::Method;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Blob, Manifest};
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy};
use tagger_testkit::registry::{Registry, RegistryOptions};

const REPOSITORY: &str = "company/myapp";
const UPLOADS: &str = "/v2/company/myapp/blobs/uploads/";

struct Scene {
    proxy: Proxy,
    registry: Registry,
    client: Client,
}

impl Scene {
    async fn set() -> Self {
        let assets = Assets::obtain().await.unwrap();
        let registry = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
        let proxy = Proxy::start(&registry).await.unwrap();
        Self { proxy, registry, client: Client::builder().no_proxy().build().unwrap() }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.proxy.address()))
    }

    /// Begins an upload and sends a blob.
    async fn upload(&self, blob: &Blob) -> reqwest::Result<Response> {
        let begun = self.ask(Method::POST, UPLOADS).send().await?;
        let place = begun.headers()["location"].to_str().unwrap();
        self.client.put(format!("{place}&digest={}", blob.digest)).body(blob.bytes.clone()).send().await
    }
}

fn blob(bytes: usize) -> Blob {
    Blob::new("application/octet-stream", vec![7; bytes])
}

async fn code(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["errors"][0]["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn bytes_are_counted_in_both_directions() {
    let scene = Scene::set().await;
    let blob = blob(1 << 20);
    assert_eq!(scene.upload(&blob).await.unwrap().status(), 201);
    let path = format!("/v2/{REPOSITORY}/blobs/{}", blob.digest);
    let part = scene.ask(Method::GET, &path).header("Range", "bytes=1000-").send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.bytes().await.unwrap().len()), (206, (1 << 20) - 1000));
    scene.ask(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(scene.proxy.bytes_received("PUT", Kind::Upload), 1 << 20);
    assert_eq!(scene.proxy.bytes_received("POST", Kind::Upload), 0);
    assert_eq!(scene.proxy.bytes_sent("GET", Kind::Blob), (1 << 20) - 1000);
    assert_eq!(scene.proxy.bytes_sent("HEAD", Kind::Blob), 0);
    let put = scene.proxy.requests().into_iter().find(|request| request.method == "PUT").unwrap();
    assert_eq!((put.received, put.sent, put.status), (1 << 20, 0, Some(201)));
}

#[tokio::test]
async fn mounts_are_refused_in_each_way() {
    let scene = Scene::set().await;
    let blob = blob(1000);
    scene.registry.target().push_blob("other", &blob).await.unwrap();
    let mount = format!("{UPLOADS}?mount={}&from=other", blob.digest);
    let ask = async || scene.ask(Method::POST, &mount).send().await.unwrap();
    scene.proxy.fault(Match::mount().times(1), Fault::oci_error(405, "UNSUPPORTED"));
    assert_eq!(code(ask().await).await, (405, "UNSUPPORTED".to_owned()));
    scene.proxy.fault(Match::mount().times(1), Fault::mount_refused());
    let begun = ask().await;
    assert_eq!(begun.status(), 202);
    let place = begun.headers()["location"].to_str().unwrap();
    let put = scene.client.put(format!("{place}&digest={}", blob.digest)).body(blob.bytes.clone());
    assert_eq!(put.send().await.unwrap().status(), 201, "the answer is an upload that works");
    assert_eq!(ask().await.status(), 201);
}

#[tokio::test]
async fn a_large_body_is_refused_and_a_small_one_is_not() {
    let scene = Scene::set().await;
    scene.proxy.fault(Match::upload().larger_than(1 << 20), Fault::too_large());
    for _ in 0..5 {
        let refused = scene.upload(&blob(8 << 20)).await.unwrap();
        assert_eq!(code(refused).await, (413, "SIZE_INVALID".to_owned()));
    }
    assert_eq!(scene.upload(&blob(1 << 20)).await.unwrap().status(), 201);
}

#[tokio::test]
async fn uploads_break_in_each_way() {
    let scene = Scene::set().await;
    let blob = blob(4 << 20);
    let put = || Match::upload().method("PUT").times(1);

    scene.proxy.fault(put(), Fault::forward().upload_cut_at(100_000));
    assert!(scene.upload(&blob).await.is_err());
    assert!(!scene.registry.stores(&blob.digest).unwrap());

    scene.proxy.fault(put(), Fault::upload_lost());
    assert_eq!(code(scene.upload(&blob).await.unwrap()).await, (404, "BLOB_UPLOAD_UNKNOWN".to_owned()));

    scene.proxy.fault(put(), Fault::forward().upload_stalled_after(100_000));
    assert!(tokio::time::timeout(Duration::from_millis(300), scene.upload(&blob)).await.is_err());

    let post = Match::upload().method("POST").times(1);
    scene.proxy.fault(post, Fault::forward().location_host("https://other.example:8443/"));
    let begun = scene.ask(Method::POST, UPLOADS).send().await.unwrap();
    let place = begun.headers()["location"].to_str().unwrap();
    assert!(place.starts_with(&format!("https://other.example:8443{UPLOADS}")), "{place}");
    assert!(place.contains("?_state="), "{place}");

    assert!(!scene.registry.stores(&blob.digest).unwrap());
    scene.proxy.fault(put(), Fault::forward().answer_lost());
    assert!(scene.upload(&blob).await.is_err());
    assert!(scene.registry.stores(&blob.digest).unwrap(), "only the answer was lost");
}

#[tokio::test]
async fn ranges_are_ignored_moved_and_wrong() {
    let scene = Scene::set().await;
    let blob = blob(1000);
    scene.registry.target().push_blob(REPOSITORY, &blob).await.unwrap();
    let path = format!("/v2/{REPOSITORY}/blobs/{}", blob.digest);
    let ask = async || scene.ask(Method::GET, &path).header("Range", "bytes=900-").send().await.unwrap();
    scene.proxy.fault(Match::blob().times(1), Fault::range_ignored());
    let whole = ask().await;
    assert_eq!((whole.status().as_u16(), whole.bytes().await.unwrap().len()), (200, 1000));
    scene.proxy.fault(Match::blob().times(1), Fault::forward().request_header("Range", Some("bytes=100-")));
    assert_eq!(ask().await.headers()["content-range"], "bytes 100-999/1000");
    scene.proxy.fault(Match::blob().times(1), Fault::forward().header("Content-Range", "bytes 0-99/1000"));
    let wrong = ask().await;
    assert_eq!((wrong.status().as_u16(), wrong.headers()["content-range"] == "bytes 0-99/1000"), (206, true));
    assert_eq!(ask().await.headers()["content-range"], "bytes 900-999/1000");
}

#[tokio::test]
async fn lists_of_tags_come_by_pages_that_may_never_end() {
    let scene = Scene::set().await;
    let image = Image::single(1).build().unwrap();
    let tags = ["a", "b", "c", "d", "e"];
    for tag in tags {
        image.push(&scene.registry, REPOSITORY, tag).await.unwrap();
    }
    scene.proxy.page_tags(2);
    let mut path = format!("/v2/{REPOSITORY}/tags/list");
    let mut found = Vec::new();
    loop {
        let answer = scene.ask(Method::GET, &path).send().await.unwrap();
        let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let list: Value = answer.json().await.unwrap();
        found.extend(list["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()));
        let Some(link) = link else { break };
        path = link.split(['<', '>']).nth(1).unwrap().to_owned();
    }
    assert_eq!((found, scene.proxy.count("GET", Kind::Tags)), (tags.map(str::to_owned).to_vec(), 3));

    scene.proxy.fault(Match::tags(), Fault::forward().endless_pages());
    let answer = scene.ask(Method::GET, &format!("/v2/{REPOSITORY}/tags/list?page=41")).send().await.unwrap();
    assert_eq!(
        answer.headers()["link"],
        format!("</v2/{REPOSITORY}/tags/list?page=42>; rel=\"next\"").as_str()
    );

    scene.proxy.serve_referrers(1);
    let evil = "<http://other.example/v2/>; rel=\"next\"";
    scene.proxy.fault(Match::referrers(), Fault::forward().header("Link", evil));
    let path = format!("/v2/{REPOSITORY}/referrers/{}", Manifest::digest(&image));
    let answer = scene.ask(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.headers()["link"], evil);
}
