//! What senders are answered, and what comes out.

use axum::body::Body;
use http::{Request, StatusCode};
use rstest::rstest;
use serde_json::json;
use tagger_receiver::{Provider, Settings};

use crate::support::{Here, SECRET, post, push, with_secret};

#[tokio::test]
async fn a_problem_is_told_with_its_place_and_without_what_was_sent() {
    let mut here = Here::new(Settings::default());
    let body =
        json!({"docker_url": "a.io/team/myapp", "updated_tags": ["v1", "hunter2\n<script>"]}).to_string();
    let answer = here.ask(with_secret(Provider::Quay, SECRET, &body)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer.body,
        "`updated_tags[1]` must be a tag: at most 128 letters, digits, dots, dashes and underscores\n"
    );
    assert!(here.told().is_empty(), "all of it or nothing");
}

#[tokio::test]
async fn of_an_envelope_what_is_right_is_taken_and_what_is_not_is_told_logged_and_counted() {
    let mut here = Here::new(Settings::default());
    let mut body = push(Provider::Distribution, "v1");
    let strange = json!({"action": "push", "target": {"tag": "hunter2\n<script>",
        "mediaType": "application/vnd.oci.image.index.v1+json", "repository": "team/myapp"}});
    body["events"].as_array_mut().unwrap().push(strange.clone());
    let answer = here.ask(with_secret(Provider::Distribution, SECRET, &body.to_string())).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(
        answer.body,
        "1 tag will be looked at\n1 entry can't be used: `events[1].target.tag` must be a tag: at most 128 letters, digits, \
         dots, dashes and underscores\n"
    );
    assert_eq!(here.told(), ["a.io/team/myapp:v1"]);
    assert!(here.metrics().contains(r#"references_total{provider="distribution",fate="unusable"} 1"#));

    let pull = json!({"events": [{"action": "pull"}, strange]}).to_string();
    let answer = here.ask(with_secret(Provider::Distribution, SECRET, &pull)).await;
    assert_eq!(answer.status, StatusCode::OK, "the registry must not send it again and again");
    assert!(answer.body.starts_with("1 entry can't be used: `events[1].target.tag`"), "{}", answer.body);

    let alone = json!({"events": [strange]}).to_string();
    let answer = here.ask(with_secret(Provider::Distribution, SECRET, &alone)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
}

#[rstest]
#[case::a_ping(Provider::Azure, r#"{"action":"ping"}"#)]
#[case::a_pull(Provider::Distribution, r#"{"events":[{"action":"pull"}]}"#)]
#[tokio::test]
async fn what_is_no_push_is_well(#[case] provider: Provider, #[case] body: &str) {
    let mut here = Here::new(Settings::default());
    let answer = here.ask(with_secret(provider, SECRET, body)).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::OK, "nothing in this is the push of a tag\n")
    );
    assert!(here.told().is_empty());
}

#[rstest]
#[case("?registry=b.io:5000", StatusCode::ACCEPTED, &["b.io:5000/team/myapp:v1"])]
#[case("?x=1&registry=b.io%3A5000", StatusCode::ACCEPTED, &["b.io:5000/team/myapp:v1"])]
#[case("", StatusCode::ACCEPTED, &["a.io/team/myapp:v1"])]
#[case("?registry=https://b.io", StatusCode::BAD_REQUEST, &[])]
#[tokio::test]
async fn the_url_may_say_which_registry_it_is(
    #[case] query: &str,
    #[case] status: StatusCode,
    #[case] told: &[&str],
) {
    let mut here = Here::new(Settings::default());
    let body = push(Provider::Distribution, "v1").to_string();
    let answer = here.ask(post(&format!("/distribution{query}"), &[("authorization", SECRET)], body)).await;
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(here.told(), told);
}

#[tokio::test]
async fn event_grid_is_answered_its_handshakes() {
    let here = Here::new(Settings::default());
    let path = format!("/event-grid/{SECRET}");
    let event = json!([{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "a\"b"}}]);
    let answer = here.ask(post(&path, &[], event.to_string())).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, r#"{"validationResponse":"a\"b"}"#));
    assert_eq!(answer.headers["content-type"], "application/json");

    let ask = |path: &str, origin: Option<&str>| {
        let request = Request::options(path);
        let request = origin
            .into_iter()
            .fold(request, |request, origin| request.header("webhook-request-origin", origin));
        request.body(Body::empty()).unwrap()
    };
    let answer = here.ask(ask(&path, Some("eventgrid.azure.net"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["webhook-allowed-origin"], "eventgrid.azure.net");
    assert_eq!(here.ask(ask(&path, None)).await.status, StatusCode::BAD_REQUEST);
    let stranger = here.ask(ask("/event-grid/wrong", Some("eventgrid.azure.net"))).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    assert!(!stranger.headers.contains_key("webhook-allowed-origin"));
}
