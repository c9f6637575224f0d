//! Equal requests at a time.

use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use tagger_core::reference::Registry;
use tagger_registry::{Anonymous, Client, Credential, ForRegistry};
use tokio::time::timeout;

use super::held::Held;
use super::server::*;

const NEW: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"new":1}"#;

#[tokio::test]
async fn a_thousand_equal_look_ups_cost_two_of_each_request_at_most() {
    let registry = Held::start().await;
    let (client, image) = (registry.client(Anonymous), registry.image());
    let mut looking = Box::pin(join_all((0..1000).map(|_| client.resolve(&image, |_| None))));
    assert!((&mut looking).now_or_never().is_none());
    registry.release(1000);
    for resolved in looking.await {
        assert_eq!(resolved.unwrap().digest.as_str(), digest(INDEX));
    }
    assert!(registry.count("HEAD") <= 2, "{}", registry.count("HEAD"));
    assert!(registry.count("GET") <= 2, "{}", registry.count("GET"));
}

#[tokio::test]
async fn an_answer_is_never_older_than_the_question() {
    let registry = Held::start().await;
    let (client, image) = (registry.client(Anonymous), registry.image());
    let known = |_: &_| Some(INDEX_TYPE.to_owned());
    let early = tokio::spawn({
        let (client, image) = (client.clone(), image.clone());
        async move { client.resolve(&image, known).await }
    });
    registry.arrived(1).await;
    // The first one is answered with what was so before this.
    registry.push(NEW);
    let mut late = Box::pin(client.resolve(&image, known));
    assert!((&mut late).now_or_never().is_none());
    registry.release(1);
    assert_eq!(early.await.unwrap().unwrap().digest.as_str(), digest(INDEX));
    registry.release(1);
    assert_eq!(late.await.unwrap().digest.as_str(), digest(NEW));
    assert_eq!(registry.count("HEAD"), 2);
}

#[tokio::test]
async fn one_who_is_given_up_leaves_the_others_their_answer() {
    let registry = Held::start().await;
    let (client, image) = (registry.client(Anonymous), registry.image());
    let mut first = Box::pin(client.digest(&image));
    assert!((&mut first).now_or_never().is_none());
    let mut given_up = Box::pin(client.digest(&image));
    let mut stays = Box::pin(client.digest(&image));
    assert!((&mut given_up).now_or_never().is_none());
    assert!((&mut stays).now_or_never().is_none());
    drop(given_up);
    registry.release(2);
    assert!(first.await.is_ok() && stays.await.is_ok());
    assert_eq!(registry.count("HEAD"), 2);
}

#[tokio::test]
async fn when_nobody_waits_any_more_the_next_one_need_not_wait_either() {
    let registry = Held::start().await;
    let (client, image) = (registry.client(Anonymous), registry.image());
    tokio::select! {
        _ = client.digest(&image) => unreachable!("nothing is answered yet"),
        () = registry.arrived(1) => {}
    }
    // The first one is still held there.
    let mut again = Box::pin(client.digest(&image));
    assert!((&mut again).now_or_never().is_none());
    registry.release(2);
    assert!(again.await.is_ok());
}

/// That many look-ups by each client, at the same time: how many requests were on their way at once.
async fn at_once(registry: &Held, clients: &[Client]) -> usize {
    let image = registry.image();
    let looking = clients.iter().map(|client| client.digest(&image));
    let mut looking = Box::pin(join_all(looking));
    assert!((&mut looking).now_or_never().is_none());
    let all_arrive = timeout(Duration::from_secs(5), async {
        tokio::select! {
            () = registry.arrived(clients.len()) => {}
            _ = &mut looking => unreachable!("nothing is answered yet"),
        }
    });
    assert!(all_arrive.await.is_ok());
    let count = registry.count("HEAD");
    registry.release(100);
    assert!(looking.await.iter().all(Result::is_ok));
    count
}

#[tokio::test]
async fn what_one_tenant_asks_is_never_answered_to_another() {
    let registry = Held::start().await;
    let host: Registry = registry.address.to_string().parse().unwrap();
    let client = registry.client(Anonymous);
    let tenant = |password: &str| {
        let credential = Credential::basic("me", password.into());
        client.with_only(ForRegistry { registry: host.clone(), credential })
    };
    let both = client
        .with_only(ForRegistry { registry: host.clone(), credential: Credential::basic("me", "a".into()) });
    let both = both.with_keychain(ForRegistry {
        registry: host.clone(),
        credential: Credential::basic("me", "b".into()),
    });
    let clients = [client.clone(), tenant("a"), tenant("b"), both];
    assert_eq!(at_once(&registry, &clients).await, 4);
}

#[tokio::test]
async fn urgent_work_shares_nothing_with_work_that_can_wait() {
    let registry = Held::start().await;
    let client = registry.client(Anonymous);
    assert_eq!(at_once(&registry, &[client.patient(), client]).await, 2);
}

#[tokio::test]
async fn a_failure_is_shared_too() {
    let server = Server::start(|_| status(404)).await;
    let (client, image) = (server.client(), server.image());
    let failed = join_all((0..100).map(|_| client.digest(&image))).await;
    assert!(failed.iter().all(|outcome| outcome.as_ref().unwrap_err().reason() == "NotFound"));
    assert!(server.requests().len() <= 2, "{:?}", server.requests());
}

#[tokio::test]
async fn the_tags_of_one_repository_are_listed_once_for_all_who_ask() {
    let server = Server::start(|seen| {
        let page = axum::body::Body::from(r#"{"name":"a","tags":["v1"]}"#);
        let page = axum::response::Response::new(page);
        match seen.target.contains("last=") {
            true => page,
            false => with_header(page, "link", r#"</v2/a/tags/list?last=v1>; rel="next""#),
        }
    });
    let server = server.await;
    let (client, image) = (server.client(), server.image());
    let lists = join_all((0..1000).map(|_| client.list(&image))).await;
    assert!(lists.iter().all(|tags| tags.as_ref().unwrap().len() == 2));
    assert!(server.requests().len() <= 4, "{}", server.requests().len());
}
