//! Looks that can wait, at a registry that has little left for them.

use axum::body::Body;
use axum::response::Response;
use rstest::rstest;

use super::server::*;

/// What Docker Hub says when less than a quarter is left.
fn low(answer: Response) -> Response {
    let answer = with_header(answer, "ratelimit-limit", "100;w=21600");
    with_header(answer, "ratelimit-remaining", "24;w=21600")
}

/// A list of three pages, each with a tag of its own.
fn three_pages(seen: &Seen) -> Response {
    let page = |tag: &str| Response::new(Body::from(format!(r#"{{"name":"a","tags":["{tag}"]}}"#)));
    let on = |answer, last: &str| {
        with_header(answer, "link", &format!("</v2/a/tags/list?last={last}>; rel=\"next\""))
    };
    match seen.target.split_once("last=") {
        Some((_, "v2")) => page("v3"),
        Some(_) => on(page("v2"), "v2"),
        None => on(page("v1"), "v1"),
    }
}

#[rstest]
#[case::by_head_and_get(|_: &Seen| low(manifest(INDEX)), &["HEAD latest", "GET digest"])]
#[case::where_head_tells_nothing(|seen: &Seen| low(match seen.method.as_str() {
    "HEAD" => status(405),
    _ => manifest(INDEX),
}), &["HEAD latest", "GET latest"])]
#[tokio::test]
async fn a_new_digest_is_read_at_once_and_the_next_look_is_put_off(
    #[case] registry: fn(&Seen) -> Response,
    #[case] expected: &[&str],
) {
    let server = Server::start(registry).await;
    let patient = server.client().patient();
    let resolved = patient.resolve(&server.image(), |_| None).await.unwrap();
    assert_eq!(resolved.digest.as_str(), digest(INDEX));
    let requests = || {
        let requests = server.requests().into_iter();
        let short =
            requests.map(|line| line.replace("/v2/a/manifests/", "").replace(&digest(INDEX), "digest"));
        short.collect::<Vec<_>>()
    };
    assert_eq!(requests(), expected);
    assert_eq!(patient.resolve(&server.image(), |_| None).await.unwrap_err().reason(), "Deferred");
    assert_eq!(requests(), expected);
}

#[tokio::test]
async fn a_list_that_has_begun_is_read_to_its_end_and_the_next_one_is_put_off() {
    let server = Server::start(|seen| low(three_pages(seen))).await;
    let patient = server.client().patient();
    assert_eq!(patient.list(&server.image()).await.unwrap().len(), 3);
    assert_eq!(patient.list(&server.image()).await.unwrap_err().reason(), "Deferred");
    assert_eq!(server.requests().len(), 3);
}
