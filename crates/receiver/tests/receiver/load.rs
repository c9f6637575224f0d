//! Much at once.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use futures::{FutureExt, StreamExt, stream};
use http::StatusCode;
use rstest::rstest;
use serde_json::json;
use tagger_receiver::intake::Rooms;
use tagger_receiver::{Provider, Settings};

use crate::support::{Here, SECRET, post, push, with_secret};

#[tokio::test]
async fn ten_thousand_equal_notifications_are_one_thing_to_look_at() {
    let mut here = Here::new(Settings::default());
    let body = push(Provider::Distribution, "v1").to_string();
    for _ in 0..10_000 {
        let answer = here.ask(with_secret(Provider::Distribution, SECRET, &body)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
    }
    let metrics = here.metrics();
    for line in [
        r#"tagger_receiver_requests_total{provider="distribution",code="202"} 10000"#,
        r#"tagger_receiver_references_total{provider="distribution",fate="queued"} 1"#,
        r#"tagger_receiver_references_total{provider="distribution",fate="merged"} 9999"#,
        "tagger_receiver_queue_length 1",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert_eq!(here.told(), ["a.io/team/myapp:v1"]);
    assert!(here.metrics().contains("tagger_receiver_queue_length 0"));
}

#[tokio::test]
async fn a_full_queue_sends_away_what_is_new_until_it_was_taken_from() {
    let mut here = Here::new(Settings { capacity: 2, ..Settings::default() });
    let ask = async |here: &Here, tags: &[&str]| {
        let body = json!({"docker_url": "a.io/team/myapp", "updated_tags": tags}).to_string();
        here.ask(with_secret(Provider::Quay, SECRET, &body)).await
    };
    assert_eq!(ask(&here, &["v1", "v2"]).await.status, StatusCode::ACCEPTED);
    let answer = ask(&here, &["v1", "v3"]).await;
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"5".parse().unwrap())
    );
    assert_eq!(ask(&here, &["v1"]).await.status, StatusCode::ACCEPTED, "it waits already");
    assert!(here.metrics().contains(r#"references_total{provider="quay",fate="refused"} 2"#));
    assert_eq!(here.told(), ["a.io/team/myapp:v1", "a.io/team/myapp:v2"]);
    assert_eq!(ask(&here, &["v3"]).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_body_beyond_three_mebibytes_is_refused_and_one_below_is_not() {
    let here = Here::new(Settings::default());
    let body = |length: usize| format!("{}{}", push(Provider::Zot, "v1"), " ".repeat(length));
    let answer = here.ask(with_secret(Provider::Zot, SECRET, &body(3 * 1024 * 1024 - 1000))).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let answer = here.ask(with_secret(Provider::Zot, SECRET, &body(3 * 1024 * 1024))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn labels_are_bounded_whatever_is_asked_for() {
    let here = Here::new(Settings::default());
    for number in 0..100 {
        let request = crate::support::post(&format!("/x{number}/{SECRET}"), &[], "");
        assert_eq!(here.ask(request).await.status, StatusCode::NOT_FOUND);
    }
    let metrics = here.metrics();
    assert!(
        metrics.contains(r#"tagger_receiver_requests_total{provider="unknown",code="404"} 100"#),
        "{metrics}"
    );
    assert!(!metrics.contains("x99"));
}

#[rstest]
#[case::not_signed_yet("/github", StatusCode::UNAUTHORIZED)]
#[case::opened("/harbor", StatusCode::BAD_REQUEST)]
#[tokio::test]
async fn bodies_of_strangers_take_no_room_of_senders_who_are_known(
    #[case] path: &str,
    #[case] small: StatusCode,
) {
    let rooms = Rooms { known: 2 * 1024 * 1024, strangers: 1024 * 1024 };
    let settings = Settings { rooms, open: [Provider::Harbor].into(), ..Settings::default() };
    let here = Here::with(settings, &[("github", SECRET), ("zot", SECRET)]);
    let strange = |body: Body| here.ask(post(path, &[("x-hub-signature-256", "sha256=00")], body));
    let begun = stream::iter([Ok::<_, Infallible>(Bytes::from(vec![b' '; 1024 * 1024 - 1]))]);
    let mut stalled = Box::pin(strange(Body::from_stream(begun.chain(stream::pending()))));
    assert!(stalled.as_mut().now_or_never().is_none(), "it is not whole");

    assert_eq!(strange("no".into()).await.status, StatusCode::TOO_MANY_REQUESTS);
    let large = format!("{}{}", push(Provider::Zot, "v1"), " ".repeat(1024 * 1024));
    let answer = here.ask(with_secret(Provider::Zot, SECRET, &large)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    drop(stalled);
    assert_eq!(strange("no".into()).await.status, small);
}
