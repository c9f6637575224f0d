use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use rstest::rstest;
use tagger_core::reference::{Reference, Registry, Repository};
use tagger_registry::{Credential, DockerConfig, Keychain};

use super::server::*;

fn known(_: &tagger_core::reference::Digest) -> Option<String> {
    Some("x/y".into())
}

fn challenge(seen_host: &str, realm: Option<&str>) -> Response {
    let own = format!("http://{seen_host}/token");
    let realm = realm.unwrap_or(&own);
    with_header(status(401), "www-authenticate", &format!(r#"Bearer realm="{realm}",service="reg""#))
}

fn token(token: &str, seconds: u64) -> Response {
    Response::new(Body::from(format!(r#"{{"token":"{token}","expires_in":{seconds}}}"#)))
}

/// A registry with a token server of its own: takes what `good` says, gives what `give` says.
async fn guarded(
    good: impl Fn(&str) -> bool + Send + Sync + 'static,
    give: impl Fn(&Seen) -> Response + Send + Sync + 'static,
) -> Server {
    let host = Arc::new(std::sync::OnceLock::<String>::new());
    let own = host.clone();
    let server = Server::start(move |seen| {
        if seen.target.starts_with("/token") {
            return give(seen);
        }
        match &seen.authorization {
            Some(shown) if good(shown) => manifest(INDEX),
            _ => challenge(own.get().unwrap(), None),
        }
    });
    let server = server.await;
    host.set(server.host()).unwrap();
    server
}

#[tokio::test]
async fn a_token_is_fetched_once_and_then_shown_at_once() {
    let server = guarded(|shown| shown == "Bearer good", |_| token("good", 300)).await;
    let client = server.client();
    client.resolve(&server.image(), known).await.unwrap();
    let asked = server.seen()[1].target.clone();
    assert_eq!(asked, "/token?service=reg&scope=repository%3Aa%3Apull");
    assert_eq!(server.tokens_and_others(), (1, 2));
    client.resolve(&server.image(), known).await.unwrap();
    assert_eq!(server.tokens_and_others(), (1, 3), "a warm look-up is one request");

    // Another repository needs another token, but no 401 to learn that.
    let other: Reference = format!("{}/b:latest", server.host()).parse().unwrap();
    client.resolve(&other, known).await.unwrap();
    assert_eq!(server.tokens_and_others(), (2, 4));
}

#[tokio::test]
async fn two_hundred_look_ups_at_once_fetch_one_token() {
    let server = guarded(|shown| shown == "Bearer good", |_| token("good", 300)).await;
    let client = server.client();
    let image = server.image();
    let all = (0..200).map(|_| client.resolve(&image, known));
    let all = futures::future::join_all(all).await;
    assert!(all.iter().all(Result::is_ok), "{:?}", all.iter().find(|one| one.is_err()));
    assert_eq!(server.tokens_and_others().0, 1);
}

#[tokio::test]
async fn a_token_that_was_withdrawn_is_renewed_once() {
    let given = Arc::new(AtomicUsize::new(0));
    let (counted, good) = (given.clone(), given.clone());
    let server = guarded(
        move |shown| shown == format!("Bearer t{}", good.load(Ordering::SeqCst)),
        move |_| token(&format!("t{}", counted.fetch_add(1, Ordering::SeqCst) + 1), 300),
    );
    let server = server.await;
    let client = server.client();
    client.resolve(&server.image(), known).await.unwrap();
    given.fetch_add(1, Ordering::SeqCst);
    client.resolve(&server.image(), known).await.unwrap();
    assert_eq!(server.tokens_and_others(), (2, 4));
}

#[tokio::test]
async fn a_token_is_renewed_before_its_time_is_over() {
    let server = guarded(|shown| shown == "Bearer good", |_| token("good", 1)).await;
    let client = server.client();
    client.resolve(&server.image(), known).await.unwrap();
    tokio::time::sleep(Duration::from_millis(950)).await;
    client.resolve(&server.image(), known).await.unwrap();
    assert_eq!(server.tokens_and_others(), (2, 3));
}

#[tokio::test]
async fn a_registry_that_never_lets_anybody_in_is_given_up() {
    let server = guarded(|_| false, |_| token("useless", 300)).await;
    let client = server.client();
    let error = client.resolve(&server.image(), known).await.unwrap_err();
    assert_eq!(error.reason(), "Unauthorized");
    assert_eq!(server.tokens_and_others(), (1, 2));
    client.resolve(&server.image(), known).await.unwrap_err();
    assert_eq!(server.tokens_and_others(), (2, 3));
}

#[rstest]
#[case("http://127.0.0.1:1/token")]
#[case("file:///etc/passwd")]
#[case("https://me:pw@127.0.0.1/token")]
#[case("token")]
#[tokio::test]
async fn a_hostile_realm_is_refused(#[case] realm: &'static str) {
    let server = Server::start(|_| challenge("", Some(realm))).await;
    let error = server.client().resolve(&server.image(), known).await.unwrap_err();
    assert_eq!(error.reason(), "RealmRefused", "{error}");
}

#[tokio::test]
async fn a_realm_at_a_private_address_that_nobody_allowed_is_refused() {
    let server = Server::start(|_| challenge("", Some("https://127.0.0.1:1/token"))).await;
    let error = server.client().resolve(&server.image(), known).await.unwrap_err();
    assert_eq!(error.reason(), "AddressRefused");
    assert!(error.to_string().contains("--private-registry 127.0.0.1:1"), "{error}");
}

#[tokio::test]
async fn a_realm_that_redirects_is_refused() {
    let thief = Server::start(|_| token("good", 300)).await;
    let location = format!("http://{}/token", thief.host());
    let server = guarded(|_| true, move |_| with_header(status(302), "location", &location)).await;
    let error = server.client().resolve(&server.image(), known).await.unwrap_err();
    assert_eq!(error.reason(), "RealmRefused");
    assert!(thief.seen().is_empty());
}

#[rstest]
#[case::html("<html>hunter2</html>".into())]
#[case::empty("{}".into())]
#[case::header_injection(r#"{"token":"a\r\nX: hunter2"}"#.into())]
#[case::too_long(format!(r#"{{"token":"{}"}}"#, "a".repeat(2 << 20)))]
#[tokio::test]
async fn an_answer_that_is_no_token_is_refused_and_not_quoted(#[case] body: String) {
    let server = guarded(|_| true, move |_| Response::new(Body::from(body.clone()))).await;
    let error = server.client().resolve(&server.image(), known).await.unwrap_err();
    assert_eq!(error.reason(), "TokenInvalid");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

/// Gives these for any image.
struct Given(Vec<Credential>);

impl Keychain for Given {
    fn credentials(&self, _: &Registry, _: &Repository) -> Vec<Credential> {
        self.0.clone()
    }
}

fn basic(username: &str) -> Credential {
    Credential::basic(username, "secret".into())
}

#[tokio::test]
async fn each_credential_is_tried_in_turn_and_the_refused_one_not_first_again() {
    // bWU6... is base64 of "me:secret".
    let give = |seen: &Seen| match seen.authorization.as_deref() {
        Some("Basic bWU6c2VjcmV0") => token("good", 300),
        _ => status(401),
    };
    let server = guarded(|shown| shown == "Bearer good", give).await;
    let client = server.client_with(Given(vec![basic("wrong"), basic("me")]));
    client.resolve(&server.image(), known).await.unwrap();
    assert!(
        server
            .seen()
            .iter()
            .filter(|seen| seen.target.starts_with("/v2"))
            .all(|seen| { seen.authorization.as_deref().is_none_or(|shown| shown.starts_with("Bearer ")) })
    );
    let before = server.seen().len();
    client.resolve(&server.image(), known).await.unwrap();
    assert_eq!(server.seen().len() - before, 1);
}

#[tokio::test]
async fn anonymous_access_is_tried_when_every_credential_is_refused() {
    let give = |seen: &Seen| match seen.authorization {
        Some(_) => status(401),
        None => token("good", 300),
    };
    let server = guarded(|shown| shown == "Bearer good", give).await;
    let client = server.client_with(Given(vec![basic("wrong")]));
    client.resolve(&server.image(), known).await.unwrap();
    let before = server.seen().len();
    client.resolve(&server.image(), known).await.unwrap();
    assert_eq!(server.seen().len() - before, 1, "the wrong one is not shown again at once");
}

#[tokio::test]
async fn a_namespaces_own_credentials_come_before_the_operators_and_share_no_token() {
    let give = |seen: &Seen| token(if seen.authorization.is_some() { "theirs" } else { "nobodys" }, 300);
    let server = guarded(|shown| shown.starts_with("Bearer "), give).await;
    let client = server.client();
    client.resolve(&server.image(), known).await.unwrap();
    let own = client.with_keychain(Given(vec![basic("me")]));
    own.resolve(&server.image(), known).await.unwrap();
    client.resolve(&server.image(), known).await.unwrap();
    let shown: Vec<_> = server.seen().into_iter().filter(|seen| seen.target.starts_with("/v2")).collect();
    let shown: Vec<_> = shown.iter().map(|seen| seen.authorization.as_deref().unwrap_or("none")).collect();
    assert_eq!(shown, ["none", "Bearer nobodys", "Bearer theirs", "Bearer nobodys"]);
}

#[tokio::test]
async fn an_identity_token_is_posted_and_never_in_a_url() {
    let server = guarded(|shown| shown == "Bearer good", |_| token("good", 300)).await;
    let json = format!(r#"{{"auths":{{"{}":{{"identitytoken":"refresh me"}}}}}}"#, server.host());
    let client = server.client_with(DockerConfig::parse(json.as_bytes()).unwrap());
    client.resolve(&server.image(), known).await.unwrap();
    let asked = server.seen().into_iter().find(|seen| seen.target.starts_with("/token")).unwrap();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/token"));
    assert_eq!(
        asked.body,
        "grant_type=refresh_token&client_id=tagger&service=reg&scope=repository%3Aa%3Apull&refresh_token=refresh+me"
    );
}

#[tokio::test]
async fn basic_credentials_are_shown_at_once_when_the_registry_is_known_to_want_them() {
    let server = Server::start(|seen| match seen.authorization.as_deref() {
        Some("Basic bWU6c2VjcmV0") => manifest(INDEX),
        _ => with_header(status(401), "www-authenticate", "Basic realm=\"x\""),
    });
    let server = server.await;
    let client = server.client_with(Given(vec![basic("me")]));
    client.resolve(&server.image(), known).await.unwrap();
    client.resolve(&server.image(), known).await.unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_password_that_is_wrong_for_basic_is_refused_in_bounded_requests() {
    let server = Server::start(|_| with_header(status(401), "www-authenticate", "Basic realm=\"x\"")).await;
    let client = server.client_with(Given(vec![basic("a"), basic("b")]));
    let error = client.resolve(&server.image(), known).await.unwrap_err();
    assert_eq!(error.reason(), "Unauthorized");
    assert!(error.to_string().contains("each of 2 credentials"), "{error}");
    // One to learn what is wanted, one for each credential, one for nobody.
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_registry_may_change_its_mind_about_what_it_wants() {
    let wants_basic = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let wants = wants_basic.clone();
    let host = Arc::new(std::sync::OnceLock::<String>::new());
    let own = host.clone();
    let server = Server::start(move |seen| {
        let basic = wants.load(Ordering::SeqCst);
        match (seen.authorization.as_deref(), seen.target.starts_with("/token")) {
            (_, true) => token("good", 300),
            (Some("Basic bWU6c2VjcmV0"), _) if basic => manifest(INDEX),
            (Some("Bearer good"), _) if !basic => manifest(INDEX),
            _ if basic => with_header(status(401), "www-authenticate", "Basic realm=\"x\""),
            _ => challenge(own.get().unwrap(), None),
        }
    });
    let server = server.await;
    host.set(server.host()).unwrap();
    let client = server.client_with(Given(vec![basic("me")]));
    for basic in [true, false, true] {
        wants_basic.store(basic, Ordering::SeqCst);
        client.resolve(&server.image(), known).await.unwrap();
    }
}

#[tokio::test]
async fn a_token_server_that_limits_is_left_alone() {
    let server = guarded(|_| true, |_| with_header(status(429), "retry-after", "60")).await;
    let client = server.client();
    for _ in 0..3 {
        assert_eq!(client.resolve(&server.image(), known).await.unwrap_err().reason(), "RateLimited");
    }
    assert_eq!(server.tokens_and_others(), (1, 1));
}
