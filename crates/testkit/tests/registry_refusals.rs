//! A registry refuses in the very ways that the documentation of its options tells.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use http::Method;
use reqwest::{Client, Response};
use serde_json::Value;
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Blob, digest};
use tagger_testkit::registry::{Registry, RegistryOptions};

const REPOSITORY: &str = "company/myapp";

async fn start(options: RegistryOptions) -> Registry {
    Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap()
}

async fn ask(registry: &Registry, method: Method, path: &str, body: Vec<u8>) -> Response {
    let url = format!("http://{}/v2/{REPOSITORY}{path}", registry.address());
    Client::builder().no_proxy().build().unwrap().request(method, url).body(body).send().await.unwrap()
}

/// The status and, where there is a JSON body, the code of its first error.
async fn refusal(answer: Response) -> (u16, Option<String>) {
    let status = answer.status().as_u16();
    let code = answer.json::<Value>().await.ok();
    (status, code.and_then(|body| Some(body["errors"][0]["code"].as_str()?.to_owned())))
}

#[tokio::test]
async fn nothing_can_be_deleted_where_that_is_off_until_it_is_on() {
    let registry = start(RegistryOptions::default().without_delete()).await;
    let pushed = Image::single(1).push(&registry, REPOSITORY, "latest").await.unwrap();
    Image::single(1).push(&registry, REPOSITORY, "other").await.unwrap();
    let by_digest = format!("/manifests/{}", pushed.digest);
    let unsupported = (405, Some("UNSUPPORTED".to_owned()));
    for path in [by_digest.as_str(), "/manifests/latest", &format!("/manifests/{}", digest(b"nothing"))] {
        assert_eq!(refusal(ask(&registry, Method::DELETE, path, vec![]).await).await, unsupported, "{path}");
    }
    registry.set_delete(true).await.unwrap();
    let by_tag = ask(&registry, Method::DELETE, "/manifests/latest", vec![]).await;
    assert_eq!(refusal(by_tag).await, (400, Some("DIGEST_INVALID".to_owned())));
    assert_eq!(registry.target().tags(REPOSITORY).await.unwrap().len(), 2);
    registry.target().delete(REPOSITORY, &pushed.digest).await.unwrap();
    assert_eq!(registry.target().tags(REPOSITORY).await.unwrap(), Vec::<String>::new(), "both are gone");
    let again = ask(&registry, Method::DELETE, &by_digest, vec![]).await;
    assert_eq!(refusal(again).await, (404, Some("MANIFEST_UNKNOWN".to_owned())));
}

#[tokio::test]
async fn a_registry_in_maintenance_reads_only_and_goes_on_after_it() {
    let registry = start(RegistryOptions::default()).await;
    let image = Image::single(1).build().unwrap();
    image.push(&registry, REPOSITORY, "latest").await.unwrap();
    registry.set_read_only(true).await.unwrap();
    for (method, path) in [
        (Method::POST, "/blobs/uploads/"),
        (Method::PUT, "/manifests/other"),
        (Method::DELETE, &format!("/manifests/{}", image.digest())),
    ] {
        let answer = ask(&registry, method.clone(), path, image.bytes.to_vec()).await;
        assert_eq!(answer.headers()["allow"], "GET, HEAD", "{method}");
        assert_eq!(refusal(answer).await, (405, None), "{method}");
    }
    assert!(registry.target().digest(REPOSITORY, "latest").await.unwrap().is_some());
    registry.set_read_only(false).await.unwrap();
    image.push(&registry, REPOSITORY, "other").await.unwrap();

    let maintained = start(RegistryOptions::default().read_only()).await;
    assert!(image.push(&maintained, REPOSITORY, "latest").await.is_err());
}

#[tokio::test]
async fn a_full_disk_refuses_what_is_new_and_takes_it_once_there_is_space() {
    let registry = start(RegistryOptions::default().full_disk()).await;
    let image = Image::single(1).build().unwrap();
    let upload = ask(&registry, Method::POST, "/blobs/uploads/", vec![]).await;
    assert_eq!(upload.status(), 500);
    let body = upload.text().await.unwrap();
    assert!(body.contains("\"UNKNOWN\"") && body.contains("\"Err\":28"), "{body}");
    registry.free_disk().await.unwrap();
    image.push(&registry, REPOSITORY, "latest").await.unwrap();
    registry.fill_disk().unwrap();
    assert!(Image::single(2).push(&registry, REPOSITORY, "other").await.is_err());
    assert!(registry.target().digest(REPOSITORY, "latest").await.unwrap().is_some());
}

#[tokio::test]
async fn a_blob_that_does_not_fit_is_refused_and_its_bytes_stay_until_someone_cleans_up() {
    let registry = start(RegistryOptions::default().disk_of(4 << 20)).await;
    let small = Blob::new("application/octet-stream", vec![1; 3 << 20]);
    let large = Blob::new("application/octet-stream", vec![2; 6 << 20]);
    let error = registry.target().push_blob(REPOSITORY, &large).await.unwrap_err();
    assert!(format!("{error:#}").contains("no space left on device"), "{error:#}");
    assert!(registry.target().push_blob(REPOSITORY, &small).await.is_err(), "what broke off takes up space");
    registry.free_disk().await.unwrap();
    registry.target().push_blob(REPOSITORY, &small).await.unwrap();
    assert!(registry.stores(&small.digest).unwrap() && !registry.stores(&large.digest).unwrap());
    assert_eq!(registry.stored().unwrap(), [small.digest]);
}

#[tokio::test]
async fn a_registry_on_the_common_disk_is_not_filled() {
    let registry = start(RegistryOptions::default()).await;
    assert!(registry.fill_disk().unwrap_err().to_string().contains("disk_of"));
}
