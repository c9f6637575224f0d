//! What registries allow, and how it is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::response::Response;
use futures::future::join_all;
use rstest::rstest;
use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Client, Credential, ForRegistry, Limits, Retry, Settings};

use super::server::*;

fn limited(wait: Option<&str>) -> Response {
    wait.map_or_else(|| status(429), |wait| with_header(status(429), "retry-after", wait))
}

fn with(server: &Server, limits: Limits) -> Client {
    Client::new(Settings { limits, ..server.settings() }, Anonymous).unwrap()
}

fn images(server: &Server, count: usize) -> Vec<Reference> {
    (0..count).map(|number| format!("{}/a:v{number}", server.host()).parse().unwrap()).collect()
}

/// Looks all of them up at once; the words for what failed.
async fn reasons(client: &Client, images: &[Reference]) -> Vec<&'static str> {
    let looked = join_all(images.iter().map(|image| client.digest(image))).await;
    looked.iter().filter_map(|outcome| Some(outcome.as_ref().err()?.reason())).collect()
}

#[rstest]
#[case::without_a_word(None)]
#[case::for_a_minute(Some("60"))]
#[tokio::test]
async fn a_registry_that_limits_everything_is_not_asked_once_for_each_image(
    #[case] wait: Option<&'static str>,
) {
    let server = Server::start(move |_| limited(wait)).await;
    let client = with(&server, Limits { requests: 4, pause: Duration::from_secs(2), ..hurried() });
    let images = images(&server, 500);
    assert_eq!(reasons(&client, &images).await, ["RateLimited"; 500]);
    assert!(server.requests().len() <= 4, "{}", server.requests().len());
    let error = client.digest(&images[0]).await.unwrap_err();
    assert!(matches!(error.retry(), Retry::After(wait) if wait > Duration::from_secs(1)), "{error:?}");
    assert!(server.requests().len() <= 4);
}

#[rstest]
#[case(429)]
#[case(503)]
#[tokio::test]
async fn after_a_pause_one_request_tries_before_the_others(#[case] code: u16) {
    let down = Arc::new(AtomicBool::new(true));
    let refused = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let (down, refused) = (down.clone(), refused.clone());
        move |_| match down.load(Ordering::SeqCst) {
            true => {
                refused.fetch_add(1, Ordering::SeqCst);
                with_header(status(code), "retry-after", "1")
            }
            false => manifest(INDEX),
        }
    })
    .await;
    let client = with(&server, Limits { requests: 8, patience: Duration::from_secs(5), ..hurried() });
    let images = images(&server, 50);
    // Those that are under way are told of the pause, and one more that it is not over; nobody else asks while it is so.
    let begun = Instant::now();
    let watch = async {
        while refused.load(Ordering::SeqCst) < 9 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        down.store(false, Ordering::SeqCst);
    };
    let (reasons, ()) = tokio::join!(reasons(&client, &images), watch);
    assert_eq!(reasons, [""; 0]);
    assert_eq!(refused.load(Ordering::SeqCst), 9);
    assert!(begun.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn one_accounts_pause_is_not_that_of_another() {
    let server = Server::start(|seen| match &seen.authorization {
        None => limited(Some("60")),
        Some(_) => manifest(INDEX),
    });
    let server = server.await;
    let client = server.client();
    assert_eq!(client.digest(&server.image()).await.unwrap_err().reason(), "RateLimited");
    // Another account's request goes out all the same.
    let registry = server.host().parse().unwrap();
    let credential = Credential::basic("me", "secret".into());
    let tenant = client.with_only(ForRegistry { registry, credential });
    let before = server.requests().len();
    let _ = tenant.digest(&server.image()).await;
    assert!(server.requests().len() > before);
}

#[rstest]
#[case::docker_hub("ratelimit-limit", "100;w=21600", "ratelimit-remaining", "0;w=21600")]
#[case::drafts("ratelimit", "limit=100, remaining=0, reset=600", "ratelimit-policy", "100;w=3600")]
#[case::github("x-ratelimit-limit", "100", "x-ratelimit-remaining", "0")]
#[tokio::test]
async fn when_nothing_is_left_only_what_cannot_wait_is_asked(
    #[case] limit: &'static str,
    #[case] most: &'static str,
    #[case] remaining: &'static str,
    #[case] left: &'static str,
) {
    let server =
        Server::start(move |_| with_header(with_header(manifest(INDEX), limit, most), remaining, left)).await;
    let client = server.client();
    client.digest(&server.image()).await.unwrap();
    let error = client.patient().digest(&server.image()).await.unwrap_err();
    let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
    assert!(wait > Duration::from_secs(30), "{wait:?}");
    assert_eq!((error.reason(), server.requests().len()), ("RateLimited", 1));
    client.digest(&server.image()).await.unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn what_is_left_is_shared_out_among_those_that_can_wait() {
    let server = Server::start(|_| {
        let answer = with_header(manifest(INDEX), "ratelimit-limit", "100");
        with_header(with_header(answer, "ratelimit-remaining", "20"), "ratelimit-reset", "1000")
    })
    .await;
    let patient = server.client().patient();
    patient.digest(&server.image()).await.unwrap();
    let error = patient.digest(&server.image()).await.unwrap_err();
    let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
    assert!((40..=50).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn a_limit_that_says_when_it_is_whole_again_is_waited_for() {
    let server = Server::start(|_| {
        with_header(with_header(status(429), "ratelimit-remaining", "0"), "ratelimit-reset", "90")
    })
    .await;
    let error = server.client().digest(&server.image()).await.unwrap_err();
    let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
    assert!((85..=90).contains(&wait.as_secs()), "{wait:?}");
    assert!(error.to_string().contains("again in"), "{error}");
}

#[tokio::test]
async fn after_the_burst_requests_go_at_the_rate() {
    let server = Server::start(|_| manifest(INDEX)).await;
    let client = with(&server, Limits { rate: 100, burst: 50, requests: 32, ..hurried() });
    let begun = Instant::now();
    assert_eq!(reasons(&client, &images(&server, 150)).await, [""; 0]);
    assert!(begun.elapsed() >= Duration::from_millis(990), "{:?}", begun.elapsed());
    assert_eq!(server.requests().len(), 150);
}

#[tokio::test]
async fn everything_is_counted() {
    let server = Server::start(|seen| match seen.target.contains("/b/") {
        true => limited(Some("60")),
        false => manifest(INDEX),
    });
    let server = server.await;
    let client = server.client();
    let mut metrics = prometheus_client::registry::Registry::default();
    client.register(&mut metrics);
    let image = server.image();
    let patient = client.patient();
    join_all((0..10).map(|_| patient.digest(&image))).await;
    let other: Reference = format!("{}/b:v1", server.host()).parse().unwrap();
    for _ in 0..2 {
        client.digest(&other).await.unwrap_err();
    }
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &metrics).unwrap();
    let host = server.host();
    for line in [
        format!("tagger_registry_requests_total{{host=\"{host}\",code=\"200\"}} 2"),
        format!("tagger_registry_requests_total{{host=\"{host}\",code=\"429\"}} 1"),
        format!("tagger_registry_requests_in_flight{{host=\"{host}\"}} 0"),
        format!("tagger_registry_throttled_total{{host=\"{host}\",how=\"merged\"}} 8"),
        format!("tagger_registry_throttled_total{{host=\"{host}\",how=\"pause\"}} 1"),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    let paused = format!("tagger_registry_paused_seconds{{host=\"{host}\"}} ");
    let left: f64 = text.split_once(&paused).unwrap().1.lines().next().unwrap().parse().unwrap();
    assert!((50.0..=60.0).contains(&left), "{left}");
}
