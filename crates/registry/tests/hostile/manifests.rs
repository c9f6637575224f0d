use axum::body::Body;
use axum::http::Method;
use axum::response::Response;
use rstest::rstest;
use tagger_core::reference::{Digest, Reference};
use tagger_registry::Error;

use super::server::*;

fn reason(result: Result<impl std::fmt::Debug, Error>) -> &'static str {
    result.unwrap_err().reason()
}

fn answer(content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder().header("content-type", content_type).body(body.into()).unwrap()
}

#[tokio::test]
async fn a_digest_that_is_known_costs_one_head() {
    let server = Server::start(|_| manifest(INDEX)).await;
    let known = |digest: &Digest| (digest.as_str() == super::server::digest(INDEX)).then(|| "x/y".to_owned());
    let resolved = server.client().resolve(&server.image(), known).await.unwrap();
    assert_eq!((resolved.media_type.as_str(), resolved.size), ("x/y", None));
    assert_eq!(resolved.digest.as_str(), digest(INDEX));
    assert_eq!(resolved.reference, server.image());
    assert_eq!(server.requests(), ["HEAD /v2/a/manifests/latest"]);
}

#[tokio::test]
async fn a_new_digest_costs_a_head_and_a_get_by_that_digest() {
    let server = Server::start(|_| manifest(INDEX)).await;
    let resolved = server.client().resolve(&server.image(), |_| None).await.unwrap();
    assert_eq!((resolved.media_type.as_str(), resolved.size), (INDEX_TYPE, Some(INDEX.len() as u64)));
    let by_digest = format!("GET /v2/a/manifests/{}", digest(INDEX));
    assert_eq!(server.requests(), ["HEAD /v2/a/manifests/latest", by_digest.as_str()]);
}

#[tokio::test]
async fn a_reference_with_a_digest_is_that_digest_whatever_its_tag() {
    let server = Server::start(|_| manifest(INDEX)).await;
    let image: Reference = format!("{}@{}", server.image(), digest(INDEX)).parse().unwrap();
    let resolved = server.client().resolve(&image, |_| None).await.unwrap();
    assert_eq!(resolved.reference.tag().unwrap().as_str(), "latest");
    assert_eq!(server.requests(), [format!("GET /v2/a/manifests/{}", digest(INDEX))]);
    server.client().resolve(&image, |_| Some("x/y".into())).await.unwrap();
    assert_eq!(server.requests().len(), 1, "a known digest is not asked for");
}

#[tokio::test]
async fn bytes_that_are_not_those_of_the_digest_are_refused() {
    let server = Server::start(|seen| match seen.method {
        Method::HEAD => manifest(INDEX),
        // Right size, right header, wrong bytes.
        _ => with_header(manifest(&INDEX.replace('2', "3")), "docker-content-digest", &digest(INDEX)),
    });
    let server = server.await;
    assert_eq!(reason(server.client().resolve(&server.image(), |_| None).await), "DigestMismatch");
}

#[tokio::test]
async fn a_registry_that_tells_no_digest_is_read_and_hashed() {
    let server = Server::start(|_| answer(INDEX_TYPE, INDEX)).await;
    let resolved = server.client().resolve(&server.image(), |_| None).await.unwrap();
    assert_eq!(resolved.digest.as_str(), digest(INDEX));
    assert_eq!(server.requests(), ["HEAD /v2/a/manifests/latest", "GET /v2/a/manifests/latest"]);
}

#[tokio::test]
async fn a_registry_that_knows_no_head_is_read_and_hashed_and_its_header_is_not_believed() {
    let server = Server::start(|seen| match seen.method {
        Method::HEAD => status(405),
        _ => with_header(manifest(INDEX), "docker-content-digest", &digest("something else")),
    });
    let server = server.await;
    let resolved = server.client().resolve(&server.image(), |_| None).await.unwrap();
    assert_eq!(resolved.digest.as_str(), digest(INDEX));
}

#[rstest]
#[case("sha256:../../x")]
#[case("sha256:ABC")]
#[case("md5:d41d8cd98f00b204e9800998ecf8427e")]
#[case("")]
#[tokio::test]
async fn a_header_that_is_no_digest_is_never_put_into_a_path(#[case] header: &'static str) {
    let server = Server::start(|_| with_header(manifest(INDEX), "docker-content-digest", header)).await;
    assert_eq!(reason(server.client().resolve(&server.image(), |_| None).await), "DigestInvalid");
    assert_eq!(server.requests(), ["HEAD /v2/a/manifests/latest"]);
}

#[tokio::test]
async fn a_tag_whose_manifest_went_away_has_moved() {
    let server = Server::start(|seen| match seen.method {
        Method::HEAD => manifest(INDEX),
        _ => status(404),
    });
    let server = server.await;
    assert_eq!(reason(server.client().resolve(&server.image(), |_| None).await), "Moved");
}

#[tokio::test]
async fn a_tag_that_is_not_there_is_not_found_and_asked_for_once() {
    let server = Server::start(|_| status(404)).await;
    assert_eq!(reason(server.client().resolve(&server.image(), |_| None).await), "NotFound");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_manifest_of_five_mebibytes_is_too_large() {
    let server = Server::start(|_| answer(INDEX_TYPE, vec![b' '; 5 << 20])).await;
    assert_eq!(reason(server.client().resolve(&server.image(), |_| None).await), "ManifestTooLarge");
}

#[tokio::test]
async fn an_endless_manifest_is_too_large() {
    let server = Server::start(|_| {
        let piece = || Ok::<_, std::io::Error>(vec![b' '; 64 << 10]);
        answer(INDEX_TYPE, Body::from_stream(futures::stream::repeat_with(piece)))
    });
    let server = server.await;
    assert_eq!(reason(server.client().resolve(&server.image(), |_| None).await), "ManifestTooLarge");
}

#[tokio::test]
async fn a_document_that_is_index_and_image_at_once_is_refused() {
    let server = Server::start(|_| manifest(r#"{"manifests":[],"layers":[]}"#)).await;
    let error = server.client().resolve(&server.image(), |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "ManifestInvalid");
    assert!(error.to_string().contains("both `manifests` and `layers`"), "{error}");
}

#[tokio::test]
async fn a_web_page_is_no_manifest_and_is_not_quoted() {
    let server = Server::start(|_| answer("text/html", "<h1>hunter2</h1>")).await;
    let error = server.client().resolve(&server.image(), |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "ManifestInvalid");
    assert!(error.to_string().contains("is there a registry at this address?"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_no_answer() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    let address = raw(cut, false).await;
    let settings = tagger_registry::Settings {
        insecure: vec![address.to_string().parse().unwrap()],
        limits: hurried(),
        ..Default::default()
    };
    let client = tagger_registry::Client::new(settings, tagger_registry::Anonymous).unwrap();
    let image: Reference = format!("{address}/a@{}", digest(INDEX)).parse().unwrap();
    assert_eq!(reason(client.resolve(&image, |_| None).await), "Truncated");
}
