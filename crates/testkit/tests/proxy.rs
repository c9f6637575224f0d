//! A proxy passes on what it is told to pass on, and breaks what it is told to break.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use reqwest::{Client, redirect};
use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::attachment::referrer;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Manifest, Pushed, digest};
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy, TokenOptions};
use tagger_testkit::registry::{Registry, RegistryOptions};

const REPOSITORY: &str = "company/myapp";
const MANIFEST: &str = "/v2/company/myapp/manifests/latest";

struct Scene {
    proxy: Proxy,
    image: Manifest,
    pushed: Pushed,
    client: Client,
    _registry: Registry,
}

impl Scene {
    async fn set(options: RegistryOptions) -> Self {
        let registry = Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap();
        let proxy = Proxy::start(&registry).await.unwrap();
        let image = Image::single(1).build().unwrap();
        let pushed = image.push(&registry, REPOSITORY, "latest").await.unwrap();
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Self { proxy, image, pushed, client, _registry: registry }
    }

    async fn get(&self, path: &str) -> reqwest::Result<reqwest::Response> {
        let url = format!("http://{}{path}", self.proxy.address());
        self.client.get(url).header("Accept", &self.pushed.media_type).send().await
    }

    fn blob(&self) -> String {
        format!("/v2/{REPOSITORY}/blobs/{}", self.image.blobs[1].digest)
    }
}

#[tokio::test]
async fn a_push_through_the_proxy_arrives_and_is_counted() {
    let scene = Scene::set(RegistryOptions::default()).await;
    let target = scene.proxy.target().unwrap();
    let pushed = Image::index(2, &["linux/amd64", "linux/arm64"]).push(&target, "other", "v1").await.unwrap();
    assert_eq!(target.digest("other", "v1").await.unwrap(), Some(pushed.digest));
    assert_eq!(scene.proxy.count("PUT", Kind::Manifest), 3);
    assert_eq!(scene.proxy.count("POST", Kind::Upload), 6);
    assert_eq!(scene.proxy.count("PUT", Kind::Upload), 6);
    let requests = scene.proxy.requests();
    let last = requests.last().unwrap();
    assert_eq!((last.method.as_str(), last.path.as_str()), ("HEAD", "/v2/other/manifests/v1"));
    assert_eq!((last.status, last.has_authorization()), (Some(200), false));
    assert!(scene.proxy.most_at_once() >= 1);
    scene.proxy.reset();
    assert!(scene.proxy.requests().is_empty());
}

#[tokio::test]
async fn a_fault_hits_what_it_matches_as_often_as_it_says() {
    let scene = Scene::set(RegistryOptions::default()).await;
    let fault = Fault::status(429).header("Retry-After", "Wed, 21 Oct 2099 07:28:00 GMT").html();
    scene.proxy.fault(Match::manifest().method("GET").after(1).times(2), fault);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(scene.get(MANIFEST).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 429, 429, 200]);
    assert_eq!(scene.get("/v2/").await.unwrap().status(), 200);

    scene.proxy.fault(Match::any(), Fault::status(503).html());
    let refused = scene.get(MANIFEST).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["content-type"]),
        (503, &"text/html".parse().unwrap())
    );
    assert!(refused.text().await.unwrap().contains("<html>"));
    scene.proxy.heal();
    assert_eq!(scene.get(MANIFEST).await.unwrap().status(), 200);
}

#[tokio::test]
async fn bodies_are_spoilt_in_every_way() {
    let scene = Scene::set(RegistryOptions::default()).await;
    let blob = scene.image.blobs[1].bytes.clone();
    let length = blob.len().to_string();
    let once = || Match::blob().times(1);

    scene.proxy.fault(once(), Fault::forward().corrupted());
    let wrong = scene.get(&scene.blob()).await.unwrap().bytes().await.unwrap();
    assert_eq!(wrong.len(), blob.len());
    assert_ne!(wrong, blob);

    scene.proxy.fault(once(), Fault::forward().truncated_at(100));
    let answer = scene.get(&scene.blob()).await.unwrap();
    assert_eq!(answer.headers()["content-length"], length.as_str());
    assert!(answer.bytes().await.is_err());

    scene.proxy.fault(once(), Fault::forward().header("Content-Length", "100000"));
    assert!(scene.get(&scene.blob()).await.unwrap().bytes().await.is_err());

    scene.proxy.fault(once(), Fault::forward().header("Content-Length", "10"));
    assert_eq!(scene.get(&scene.blob()).await.unwrap().bytes().await.unwrap(), blob[..10]);

    scene.proxy.fault(once(), Fault::forward().stalled_after(100));
    let mut answer = scene.get(&scene.blob()).await.unwrap();
    let wait = Duration::from_millis(300);
    assert_eq!(tokio::time::timeout(wait, answer.chunk()).await.unwrap().unwrap().unwrap().len(), 100);
    assert!(tokio::time::timeout(wait, answer.chunk()).await.is_err());

    scene.proxy.fault(once(), Fault::forward().dripping(700, Duration::from_millis(10)));
    assert_eq!(scene.get(&scene.blob()).await.unwrap().bytes().await.unwrap(), blob);

    scene.proxy.fault(once(), Fault::endless("application/octet-stream"));
    let mut answer = scene.get(&scene.blob()).await.unwrap();
    let mut read = 0;
    while read < 8 << 20 {
        read += answer.chunk().await.unwrap().unwrap().len();
    }
    drop(answer);
    assert_eq!(scene.get(&scene.blob()).await.unwrap().bytes().await.unwrap(), blob);
}

#[tokio::test]
async fn heads_and_connections_are_spoilt_too() {
    let scene = Scene::set(RegistryOptions::default()).await;
    let once = || Match::manifest().times(1);
    let digest_header = "docker-content-digest";

    scene.proxy.fault(once(), Fault::forward().without_header(digest_header));
    assert!(!scene.get(MANIFEST).await.unwrap().headers().contains_key(digest_header));

    scene.proxy.fault(once(), Fault::forward().header(digest_header, "sha256:../../x"));
    assert_eq!(scene.get(MANIFEST).await.unwrap().headers()[digest_header], "sha256:../../x");

    scene.proxy.fault(once(), Fault::forward().replaced(vec![b' '; 5 << 20]));
    assert_eq!(scene.get(MANIFEST).await.unwrap().bytes().await.unwrap().len(), 5 << 20);

    scene.proxy.fault(once(), Fault::redirect_host("https://other.example"));
    let answer = scene.get(MANIFEST).await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["location"], format!("https://other.example{MANIFEST}"));

    scene.proxy.fault(once(), Fault::hang_up());
    assert!(scene.get(MANIFEST).await.is_err());
    assert_eq!(scene.proxy.requests().last().unwrap().status, None);

    scene.proxy.fault(once(), Fault::never());
    assert!(tokio::time::timeout(Duration::from_millis(200), scene.get(MANIFEST)).await.is_err());

    scene.proxy.fault(once(), Fault::challenge("Bearer realm=\"file:///etc/passwd\""));
    assert_eq!(scene.get(MANIFEST).await.unwrap().status(), 401);

    let head = scene.client.head(format!("http://{}{MANIFEST}", scene.proxy.address()));
    let head = head.header("Accept", &scene.pushed.media_type).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], scene.pushed.bytes.len().to_string().as_str());

    scene.proxy.stop();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(scene.get(MANIFEST).await.is_err());
    scene.proxy.start_again().await.unwrap();
    assert_eq!(scene.get(MANIFEST).await.unwrap().bytes().await.unwrap(), scene.pushed.bytes);
}

#[tokio::test]
async fn tokens_are_asked_for_checked_and_expire() {
    // The registry behind wants a password: the token's bearer need not know it.
    let scene = Scene::set(RegistryOptions::default().tls().user("alice", "open sesame")).await;
    let direct = scene.proxy.target().unwrap();
    Image::single(2).push(&direct, REPOSITORY, "another").await.unwrap();
    scene.proxy.require_tokens(TokenOptions { expires_in: Some(60), ..TokenOptions::default() });
    let refused = scene.get(MANIFEST).await.unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    let expected = format!(
        "Bearer realm=\"http://{}/token\",service=\"tagger test registry\",scope=\"repository:{REPOSITORY}:pull\"",
        scene.proxy.address()
    );
    assert_eq!(challenge, expected);

    let answer = scene.get(&format!("/token?service=x&scope=repository:{REPOSITORY}:pull")).await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["expires_in"], 60);
    let token = answer["token"].as_str().unwrap();
    let ask = async |path: &str| {
        let url = format!("http://{}{path}", scene.proxy.address());
        let request = scene.client.get(url).header("Accept", &scene.pushed.media_type).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(MANIFEST).await, 200);
    assert_eq!(ask("/v2/company/another/tags/list").await, 401, "the token's scope is another");
    scene.proxy.expire_tokens();
    assert_eq!(ask(MANIFEST).await, 401);

    let asked = scene.proxy.token_requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].scopes(), [format!("repository:{REPOSITORY}:pull")]);
    assert_eq!(asked[0].user, None);
}

#[tokio::test]
async fn referrers_are_learnt_and_listed_by_page_and_type() {
    let scene = Scene::set(RegistryOptions::default()).await;
    let target = scene.proxy.target().unwrap();
    let path = format!("/v2/{REPOSITORY}/referrers/{}", scene.pushed.digest);
    assert_eq!(scene.get(&path).await.unwrap().status(), 404, "the registry itself has no such API");
    scene.proxy.serve_referrers(1);
    let bill = referrer(&scene.pushed, "application/spdx+json", "{}");
    bill.push(&target, REPOSITORY, "").await.unwrap();
    scene.proxy.add_referrer(
        REPOSITORY,
        &scene.pushed.digest,
        json!({"digest": digest(b"x"), "artifactType": "b"}),
    );

    let first = scene.get(&path).await.unwrap();
    assert_eq!(first.headers()["link"], format!("<{path}?start=1>; rel=\"next\"").as_str());
    let first: Value = first.json().await.unwrap();
    assert_eq!(first["manifests"][0]["digest"], bill.digest());
    let second: Value = scene.get(&format!("{path}?artifactType=b")).await.unwrap().json().await.unwrap();
    assert_eq!(second["manifests"], json!([{"digest": digest(b"x"), "artifactType": "b"}]));
}
