//! Whose time it is when we wait for ourselves, and whom a slow registry keeps.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use futures::future::join_all;
use futures::stream;
use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Client, Limits, Settings};
use tokio::time::{sleep, timeout};

use super::server::*;

fn with(servers: &[&Server], limits: Limits) -> Client {
    let insecure = servers.iter().map(|server| server.host().parse().unwrap()).collect();
    Client::new(Settings { insecure, limits, ..Settings::default() }, Anonymous).unwrap()
}

/// Images of so many repositories.
fn images(server: &Server, count: usize) -> Vec<Reference> {
    (0..count).map(|number| format!("{}/r{number}:v1", server.host()).parse().unwrap()).collect()
}

/// The page that is asked for, of a list of so many, after this time.
fn page(seen: &Seen, pages: usize, after: Duration) -> Response {
    let number: usize = seen.target.split_once("last=").map_or(1, |(_, last)| last.parse().unwrap());
    let path = seen.target.split('?').next().unwrap().to_owned();
    let body = stream::once(async move {
        sleep(after).await;
        Ok::<_, std::io::Error>(format!(r#"{{"tags":["v{number}"]}}"#))
    });
    let answer = Response::new(Body::from_stream(body));
    match number < pages {
        true => with_header(answer, "link", &format!("<{path}?last={}>; rel=\"next\"", number + 1)),
        false => answer,
    }
}

#[tokio::test]
async fn waiting_for_our_own_rate_is_no_silence_of_the_registry() {
    let server = Server::start(|_| manifest(INDEX)).await;
    let limits = Limits { rate: 20, burst: 1, whole: Duration::from_millis(700), ..hurried() };
    let client = with(&[&server], limits);
    let (begun, images) = (Instant::now(), images(&server, 30));
    let looked = join_all(images.iter().map(|image| client.resolve(image, |_| None))).await;
    assert!(looked.iter().all(Result::is_ok), "{looked:?}");
    assert_eq!(server.requests().len(), 60);
    assert!(begun.elapsed() > Duration::from_secs(2));
}

#[tokio::test]
async fn waiting_for_ourselves_ends_and_is_told_as_such() {
    let server = Server::start(|_| manifest(INDEX)).await;
    let limits = Limits { rate: 1, burst: 1, whole: Duration::from_millis(150), ..hurried() };
    let client = with(&[&server], limits);
    let images = images(&server, 20);
    let looked = join_all(images.iter().map(|image| client.digest(image))).await;
    let reasons: Vec<_> = looked.iter().filter_map(|digest| Some(digest.as_ref().err()?.reason())).collect();
    assert!(reasons.len() > 10 && reasons.iter().all(|reason| *reason == "Deferred"), "{reasons:?}");
}

#[tokio::test]
async fn a_list_that_waits_for_other_lists_of_its_registry_is_not_late() {
    let server = Server::start(|seen| page(seen, 3, Duration::from_millis(300))).await;
    let client = with(&[&server], Limits { whole: Duration::from_millis(700), ..hurried() });
    let images = images(&server, 8);
    let lists = join_all(images.iter().map(|image| client.list(image))).await;
    assert!(lists.iter().all(|list| list.as_ref().is_ok_and(|tags| tags.len() == 3)), "{lists:?}");
}

#[tokio::test]
async fn a_list_that_comes_too_slowly_is_cut_off() {
    let server = Server::start(|seen| page(seen, 1_000, Duration::from_millis(200))).await;
    let client = with(&[&server], Limits { whole: Duration::from_millis(500), ..hurried() });
    let begun = Instant::now();
    assert_eq!(client.list(&images(&server, 1)[0]).await.unwrap_err().reason(), "Timeout");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn long_lists_of_slow_registries_hold_up_nobody_elses() {
    let slowly = |seen: &Seen| match seen.target.contains("last=") {
        true => Response::new(Body::from_stream(stream::unfold((), |()| async {
            sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, std::io::Error>(" "), ()))
        }))),
        false => page(seen, 2, Duration::ZERO),
    };
    let slow = join_all((0..8).map(|_| Server::start(slowly))).await;
    let quick = Server::start(|seen| page(seen, 3, Duration::ZERO)).await;
    let servers: Vec<_> = slow.iter().chain([&quick]).collect();
    let client = with(&servers, hurried());
    for image in slow.iter().flat_map(|server| images(server, 2)) {
        let client = client.clone();
        tokio::spawn(async move { client.list(&image).await });
    }
    // As many of their second pages are under way as ever will be.
    sleep(Duration::from_secs(1)).await;
    let list = timeout(Duration::from_secs(3), client.list(&quick.image())).await;
    assert_eq!(list.unwrap().unwrap().len(), 3);
}
