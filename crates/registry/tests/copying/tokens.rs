use std::sync::Arc;

use tagger_registry::{Client, CopyError, CopyOptions, DockerConfig, Limits, Progress};
use tagger_testkit::image::Image;
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy, TokenOptions};
use tagger_testkit::target::Credentials;

use super::support::*;

fn user(name: &str) -> TokenOptions {
    let user = Credentials { user: name.into(), password: format!("password of {name}") };
    TokenOptions { user: Some(user), ..TokenOptions::default() }
}

/// The passwords of one user at each of these.
fn keychain(users: &[(&Proxy, &str)]) -> DockerConfig {
    let entries: serde_json::Map<_, _> = users
        .iter()
        .map(|(proxy, name)| {
            let entry = serde_json::json!({"username": name, "password": format!("password of {name}")});
            (proxy.address().to_owned(), entry)
        })
        .collect();
    let config = serde_json::json!({ "auths": entries }).to_string();
    DockerConfig::parse(config.as_bytes()).unwrap()
}

fn knowing(users: &[(&Proxy, &str)], world: &World) -> Client {
    world.client.with_only(keychain(users))
}

/// The scopes that tokens were asked for, each kind of request once, in order.
fn scopes(proxy: &Proxy) -> Vec<String> {
    let mut scopes: Vec<String> =
        proxy.token_requests().iter().map(|request| request.scopes().join(" ")).collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

#[tokio::test]
async fn the_source_is_asked_for_reading_and_the_destination_for_writing_each_by_its_own_user() {
    let world = World::start().await;
    let image = world.push(&Image::index(1, &["linux/amd64", "linux/arm64"]), "company/app", "v1").await;
    world.out.require_tokens(user("reader"));
    world.into.require_tokens(user("writer"));
    let reading = knowing(&[(&world.out, "reader")], &world);
    let writing = reading.with_only(keychain(&[(&world.into, "writer")]));
    let (from, to) = (world.from("company/app:v1"), world.to("cache/app", &["g1"]));
    reading.copy(&from, &writing, &to, &CopyOptions::default()).await.unwrap();
    world.assert_has(&image, "cache/app", "g1").await;

    assert_eq!(scopes(&world.out), ["repository:company/app:pull"]);
    assert_eq!(scopes(&world.into), ["repository:cache/app:pull,push"]);
    for (proxy, name) in [(&world.out, "reader"), (&world.into, "writer")] {
        assert!(proxy.token_requests().iter().all(|request| request.user.as_deref() == Some(name)));
    }
    // One token serves all of it, and only the very first request of each end is made without one.
    for proxy in [&world.out, &world.into] {
        assert_eq!(proxy.token_requests().len(), 1);
        assert_eq!(proxy.requests().iter().filter(|request| request.status == Some(401)).count(), 1);
    }

    // Neither has anything to say at the other end.
    let (other, none) = (world.to("cache/other", &["g1"]), CopyOptions::default());
    let error = reading.copy(&from, &reading, &other, &none).await.unwrap_err();
    assert!(matches!(error, CopyError::Destination(_)), "{error}");
    assert_eq!(error.reason(), "Unauthorized");
    let error = writing.copy(&from, &writing, &other, &none).await.unwrap_err();
    assert!(matches!(error, CopyError::Source(_)), "{error}");
    assert_eq!(error.reason(), "Unauthorized");
}

#[tokio::test]
async fn a_mount_is_asked_for_with_a_token_for_both_repositories() {
    let world = World::start().await;
    let image = world.push(&Image::single(1), "company/app", "v1").await;
    world.into.require_tokens(user("writer"));
    let client = knowing(&[(&world.into, "writer")], &world);
    let from = world.from("company/app:v1");
    for repository in ["cache/one", "cache/two"] {
        let to = world.to(repository, &["g1"]);
        let copied = client.copy(&from, &client, &to, &CopyOptions::default()).await.unwrap();
        world.assert_has(&image, repository, "g1").await;
        assert_eq!(copied.mounted.blobs, if repository == "cache/one" { 0 } else { 3 });
    }
    assert_eq!(
        scopes(&world.into),
        [
            "repository:cache/one:pull,push",
            "repository:cache/two:pull,push",
            "repository:cache/two:pull,push repository:cache/one:pull"
        ]
    );
    // Nothing but the mounts has a token that opens the other repository.
    assert_eq!(world.into.token_requests().len(), 3);
}

#[tokio::test]
async fn where_no_token_is_to_be_had_for_both_repositories_the_blob_is_sent() {
    let world = World::start().await;
    let image = world.push(&Image::single(1), "company/app", "v1").await;
    world.into.require_tokens(TokenOptions::default());
    world.into.fault(
        Match::token().when(|request| request.query.matches("scope=").count() > 1),
        Fault::oci_error(403, "DENIED"),
    );
    for repository in ["cache/one", "cache/two"] {
        let copied = world.copy("company/app:v1", &world.to(repository, &["g1"])).await.unwrap();
        world.assert_has(&image, repository, "g1").await;
        assert_eq!((copied.sent.blobs, copied.mounted.blobs), (3, 0));
    }
}

#[tokio::test]
async fn tokens_that_end_between_blobs_are_renewed() {
    // One thing at a time, so that nobody's token is used up by somebody else.
    let world = World::with(Limits { requests: 1, transfers: 1, ..Limits::default() }).await;
    let image = world.push(&Image::single(1).layers(6, 10_000), "company/app", "v1").await;
    world.out.require_tokens(TokenOptions { good_for: Some(4), ..TokenOptions::default() });
    world.into.require_tokens(TokenOptions::default());
    let (sender, mut passes) = tokio::sync::mpsc::unbounded_channel();
    let progress = move |step| {
        if let Progress::Passed(_) = step {
            sender.send(()).unwrap();
        }
    };
    let options = CopyOptions { progress: Some(Arc::new(progress)), ..CopyOptions::default() };
    let (from, to) = (world.from("company/app:v1"), world.to("cache/app", &["g1"]));
    let copy = world.client.copy(&from, &world.client, &to, &options);
    let end_of_tokens = async {
        passes.recv().await.unwrap();
        world.into.expire_tokens();
    };
    let (copied, ()) = tokio::join!(copy, end_of_tokens);
    copied.unwrap();
    world.assert_has(&image, "cache/app", "g1").await;
    assert!(world.into.token_requests().len() > 1 && world.out.token_requests().len() > 1);
}

#[tokio::test]
async fn a_token_that_ends_between_the_post_and_the_put_is_renewed() {
    let world = World::start().await;
    let image = world.push(&Image::single(1).layers(1, 10_000), "company/app", "v1").await;
    world.into.require_tokens(TokenOptions::default());
    for blob in &image.blobs {
        let hex = blob.digest.trim_start_matches("sha256:").to_owned();
        let put = Match::upload().method("PUT").when(move |request| request.query.contains(&hex));
        world.into.fault(put.times(1), Fault::oci_error(401, "UNAUTHORIZED"));
    }
    let copied = world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    world.assert_has(&image, "cache/app", "g1").await;
    assert_eq!((copied.sent.blobs, copied.sent.bytes), (2, size_of(&image)));
    let asked = |method| world.into.count(method, Kind::Upload);
    assert_eq!((asked("POST"), asked("PUT"), asked("PATCH")), (4, 4, 0), "in one piece, as before");
}

#[tokio::test]
async fn whoever_may_not_write_is_told_so_at_once() {
    let world = World::start().await;
    world.push(&Image::single(1).layers(1, 10_000), "company/app", "v1").await;
    world.into.fault(Match::upload(), Fault::oci_error(403, "DENIED"));
    let error = world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap_err();
    assert_eq!(error.reason(), "Unauthorized");
    assert!(matches!(error, CopyError::Destination(_)), "{error}");
    assert_eq!(world.into.count("PUT", Kind::Upload), 0);
    assert!(world.into.count("POST", Kind::Upload) <= 2, "{:#?}", lines(&world.into));
}
