use axum::response::Response;
use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Client, Fault, Settings};

use super::server::*;

fn looking_in(servers: &[&Server]) -> Client {
    let hosts: Vec<_> = servers.iter().map(|server| server.host().parse().unwrap()).collect();
    let settings =
        Settings { insecure: hosts.clone(), unqualified: hosts, limits: hurried(), ..Settings::default() };
    Client::new(settings, Anonymous).unwrap()
}

async fn always(code: u16) -> Server {
    Server::start(move |_| status(code)).await
}

fn good(_: &Seen) -> Response {
    manifest(INDEX)
}

fn name() -> Reference {
    "a:v1".parse().unwrap()
}

#[tokio::test]
async fn a_name_without_a_registry_is_looked_for_in_order() {
    let (missing, closed, has) = (always(404).await, always(403).await, Server::start(good).await);
    let unasked = Server::start(good).await;
    let client = looking_in(&[&missing, &closed, &has, &unasked]);
    let resolved = client.resolve(&name(), |_| None).await.unwrap();
    assert_eq!(resolved.reference.to_string(), format!("{}/a:v1", has.host()));
    assert_eq!((missing.seen().len(), closed.seen().len(), unasked.seen().len()), (1, 1, 0));
}

#[tokio::test]
async fn an_outage_of_the_first_never_brings_in_the_image_of_the_second() {
    let (down, has) = (always(503).await, Server::start(good).await);
    let error = looking_in(&[&down, &has]).resolve(&name(), |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "ServerError");
    assert!(has.seen().is_empty());
}

#[tokio::test]
async fn a_name_that_is_nowhere_says_where_it_was_looked_for() {
    let (one, other) = (always(404).await, always(404).await);
    let error = looking_in(&[&one, &other]).resolve(&name(), |_| None).await.unwrap_err();
    assert_eq!((error.reason(), error.fault()), ("NotFound", &Fault::NotFound));
    let text = error.to_string();
    assert!(text.contains(&one.host()) && text.contains(&other.host()), "{text}");
}

#[tokio::test]
async fn a_known_digest_without_a_registry_is_looked_for_where_it_is() {
    let (missing, has) = (always(404).await, Server::start(good).await);
    let image: Reference = format!("a@{}", digest(INDEX)).parse().unwrap();
    let known = |_: &_| Some("x/y".to_owned());
    let resolved = looking_in(&[&missing, &has]).resolve(&image, known).await.unwrap();
    assert_eq!(resolved.reference.registry().unwrap().to_string(), has.host());
    assert_eq!(has.requests(), [format!("HEAD /v2/a/manifests/{}", digest(INDEX))]);
}

#[test]
fn settings_without_anywhere_to_look_are_refused() {
    let settings = Settings { unqualified: Vec::new(), ..Settings::default() };
    let error = Client::new(settings, Anonymous).err().unwrap();
    assert!(error.to_string().contains("such as docker.io"), "{error}");
}

#[tokio::test]
async fn tags_of_a_name_without_a_registry_are_looked_for_in_order() {
    let missing = always(404).await;
    let has = Server::start(|_| {
        let list = r#"{"name":"a","tags":["v1","v2","not a tag","v3"]}"#;
        Response::new(axum::body::Body::from(list))
    });
    let has = has.await;
    let down = always(503).await;
    let tags = looking_in(&[&missing, &has, &down]).list(&name()).await.unwrap();
    assert_eq!(tags.iter().map(ToString::to_string).collect::<Vec<_>>(), ["v1", "v2", "v3"]);
    let error = looking_in(&[&missing, &missing]).list(&name()).await.unwrap_err();
    assert_eq!(error.reason(), "NotFound");
    let error = looking_in(&[&down, &has]).list(&name()).await.unwrap_err();
    assert_eq!(error.reason(), "ServerError");
}
