//! A source gives images from memory, moves their tags, tells what it was asked, and goes wrong when told to.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Client, Response};
use serde_json::Value;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Manifest, digest};
use tagger_testkit::proxy::{Fault, Kind, Match};
use tagger_testkit::source::Source;
use tagger_testkit::target::Target;

const REPOSITORY: &str = "company/myapp";
const LATEST: &str = "/v2/company/myapp/manifests/latest";

fn image(seed: u64) -> Manifest {
    Image::single(seed).layers(1, 64).build().unwrap()
}

async fn source(seed: u64) -> Source {
    Source::start(&[(image(seed), REPOSITORY.to_owned(), "latest".to_owned())]).await.unwrap()
}

fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap()
}

async fn head(client: &Client, source: &Source) -> reqwest::Result<Response> {
    client.head(format!("http://{}{LATEST}", source.address())).send().await
}

async fn found(source: &Source) -> Option<String> {
    let target = Target::new(&format!("http://{}", source.address()), None, None).unwrap();
    target.digest(REPOSITORY, "latest").await.unwrap()
}

#[tokio::test]
async fn a_source_gives_what_it_was_given_whole_or_from_where_one_likes() {
    let image = Image::single(1).layers(2, 100_000).build().unwrap();
    let given = [(image.clone(), REPOSITORY.to_owned(), "v1".to_owned())];
    let source = Source::start(&given).await.unwrap();
    let client = client();
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

#[tokio::test]
async fn a_source_takes_nothing_in() {
    let source = source(1).await;
    let target = Target::new(&format!("http://{}", source.address()), None, None).unwrap();
    assert!(image(2).push(&target, REPOSITORY, "latest").await.is_err());
    assert_eq!(found(&source).await, Some(image(1).digest()));
}

#[tokio::test]
async fn a_tag_moves_and_what_it_pointed_to_stays() {
    let source = source(1).await;
    assert_eq!(found(&source).await, Some(image(1).digest()));
    source.put(&image(2), REPOSITORY, "latest");
    assert_eq!(found(&source).await, Some(image(2).digest()));
    let target = Target::new(&format!("http://{}", source.address()), None, None).unwrap();
    assert!(target.manifest(REPOSITORY, &image(1).digest()).await.unwrap().is_some());
}

#[tokio::test]
async fn the_tags_of_a_repository_come_by_pages() {
    let source = source(1).await;
    for tag in ["v1", "v3", "v2"] {
        source.put(&image(1), REPOSITORY, tag);
    }
    source.proxy().page_tags(3);
    let client = client();
    let mut next = Some(format!("/v2/{REPOSITORY}/tags/list"));
    let mut pages = Vec::new();
    while let Some(path) = next {
        let answer = client.get(format!("http://{}{path}", source.address())).send().await.unwrap();
        let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        next = link.map(|link| link.trim_start_matches('<').split_once('>').unwrap().0.to_owned());
        let page: Value = answer.json().await.unwrap();
        pages.push(page["tags"].to_string());
    }
    assert_eq!(pages, [r#"["latest","v1","v2"]"#, r#"["v3"]"#]);
    let other = client.get(format!("http://{}/v2/other/tags/list", source.address())).send().await.unwrap();
    assert_eq!(other.status(), 404);
}

#[tokio::test]
async fn each_request_is_recorded_until_it_is_taken() {
    let (source, client) = (source(1).await, client());
    let before = Instant::now();
    head(&client, &source).await.unwrap();
    client.get(format!("http://{}{LATEST}", source.address())).send().await.unwrap();
    let requests = source.proxy().take_requests();
    let told: Vec<_> = requests
        .iter()
        .map(|request| {
            (request.method.as_str(), request.kind, request.repository.as_str(), request.path.as_str())
        })
        .collect();
    assert_eq!(
        told,
        [("HEAD", Kind::Manifest, REPOSITORY, LATEST), ("GET", Kind::Manifest, REPOSITORY, LATEST)]
    );
    assert!(before < requests[0].at && requests[0].at < requests[1].at);
    assert!(source.proxy().take_requests().is_empty());
}

#[tokio::test]
async fn what_is_told_of_a_limit_stands_beside_answers_and_refusals() {
    let (source, client) = (source(1).await, client());
    let header = |answer: &Response, name: &str| -> Option<String> {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    let told = Fault::forward().header("ratelimit-remaining", "76;w=21600");
    source.proxy().fault(Match::any().times(1), told);
    let answer = head(&client, &source).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "ratelimit-remaining")),
        (200, Some("76;w=21600".to_owned()))
    );
    assert_eq!(header(&answer, "docker-content-digest"), Some(image(1).digest()));
    source.proxy().fault(Match::any().times(1), Fault::status(429));
    let answer = head(&client, &source).await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (429, None));
    source.proxy().fault(Match::any(), Fault::status(429).header("Retry-After", "7"));
    for _ in 0..2 {
        let answer = head(&client, &source).await.unwrap();
        assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (429, Some("7".to_owned())));
    }
    source.proxy().heal();
    assert_eq!(head(&client, &source).await.unwrap().status(), 200);
}

#[tokio::test]
async fn one_that_hangs_refuses_or_is_slow_leaves_the_others_alone() {
    let mut sources = Vec::new();
    for seed in 0..4 {
        sources.push(source(seed).await);
    }
    let [hanging, refusing, slow, sound] = sources.as_slice() else { unreachable!("there are four") };
    hanging.proxy().fault(Match::any(), Fault::never());
    slow.proxy().fault(Match::any(), Fault::forward().delay(Duration::from_millis(50)));
    refusing.proxy().stop();
    let client = client();
    let hangs = tokio::time::timeout(Duration::from_millis(200), head(&client, hanging));
    assert!(hangs.await.is_err());
    assert!(head(&client, refusing).await.unwrap_err().is_connect());
    let start = Instant::now();
    assert_eq!(found(slow).await, Some(image(2).digest()));
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(found(sound).await, Some(image(3).digest()));
    hanging.proxy().heal();
    refusing.proxy().start_again().await.unwrap();
    assert_eq!(found(hanging).await, Some(image(0).digest()));
    assert_eq!(found(refusing).await, Some(image(1).digest()));
}
