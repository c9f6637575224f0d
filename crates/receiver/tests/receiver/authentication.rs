//! Who is let in, and what those hear who are not.

use http::{Request, StatusCode};
use rstest::rstest;
use tagger_receiver::provider::Entrance;
use tagger_receiver::{Provider, Settings};

use crate::support::{Here, SECRET, answered, post, push, with_secret};

/// Google's are tried apart: what they show is a token.
fn who_share_a_secret() -> impl Iterator<Item = Provider> {
    Provider::ALL.into_iter().filter(|provider| provider.entrance() != Entrance::Identity)
}

#[tokio::test]
async fn whoever_knows_the_secret_is_let_in_and_nobody_else() {
    let mut here = Here::new(Settings::default());
    for provider in who_share_a_secret() {
        let body = push(provider, "v1").to_string();
        let answer = here.ask(with_secret(provider, SECRET, &body)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{provider}: {}", answer.body);
        assert!(here.told().contains(&"a.io/team/myapp:v1".to_owned()), "{provider}");
        for wrong in ["0123456789abcdef-secrex", "0123456789abcdef", "0123456789abcdef-secret-and-more", "x"]
        {
            let answer = here.ask(with_secret(provider, wrong, &body)).await;
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, ""), "{provider}");
        }
        let answer = here.ask(post(&format!("/{provider}"), &[], body)).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, ""), "{provider}");
        assert!(here.told().is_empty(), "{provider}");
    }
}

#[tokio::test]
async fn a_body_that_was_changed_has_another_signature() {
    let mut here = Here::new(Settings::default());
    for provider in [Provider::GitHub, Provider::JFrog, Provider::Nexus] {
        let signed = with_secret(provider, SECRET, &push(provider, "v1").to_string());
        let (parts, _) = signed.into_parts();
        let forged = Request::from_parts(parts, push(provider, "v2").to_string().into());
        assert_eq!(here.ask(forged).await.status, StatusCode::UNAUTHORIZED, "{provider}");
    }
    assert!(here.told().is_empty());
}

#[tokio::test]
async fn a_body_is_not_read_before_its_sender_is_known() {
    let here = Here::new(Settings::default());
    for provider in who_share_a_secret() {
        let answer = here.ask(with_secret(provider, "wrong", "no JSON")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{provider}");
        let answer = here.ask(with_secret(provider, SECRET, "no JSON")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{provider}");
    }
}

#[tokio::test]
async fn secrets_change_without_a_restart_and_two_hold_while_one_takes_over() {
    let here = Here::with(Settings::default(), &[("distribution", "the-old-secret-of-us")]);
    let body = push(Provider::Distribution, "v1").to_string();
    let is_let_in = async |secret: &str| {
        here.ask(with_secret(Provider::Distribution, secret, &body)).await.status == StatusCode::ACCEPTED
    };
    assert!(is_let_in("the-old-secret-of-us").await && !is_let_in("the-new-secret-of-us").await);
    here.change(&[("distribution", "the-new-secret-of-us\nthe-old-secret-of-us\n")]);
    assert!(is_let_in("the-old-secret-of-us").await && is_let_in("the-new-secret-of-us").await);
    here.change(&[("distribution", "the-new-secret-of-us")]);
    assert!(!is_let_in("the-old-secret-of-us").await && is_let_in("the-new-secret-of-us").await);
    here.change(&[]);
    let answer = here.ask(with_secret(Provider::Distribution, "the-new-secret-of-us", &body)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[rstest]
#[case::no_secret("/quay/0123456789abcdef", StatusCode::NOT_FOUND)]
#[case::a_secret_that_is_too_short("/harbor", StatusCode::NOT_FOUND)]
#[case::nobody_s("/gogs", StatusCode::NOT_FOUND)]
#[case::the_root("/", StatusCode::NOT_FOUND)]
#[case::deeper("/zot/x/y", StatusCode::NOT_FOUND)]
#[case::a_secret_in_the_path_of_one_that_sends_a_header(
    "/zot/0123456789abcdef-secret",
    StatusCode::NOT_FOUND
)]
#[case::opened("/azure", StatusCode::OK)]
#[case::opened_and_too_short("/harbor", StatusCode::NOT_FOUND)]
#[case::opened_and_locked("/zot", StatusCode::UNAUTHORIZED)]
#[tokio::test]
async fn what_is_not_open_is_not_there(#[case] path: &str, #[case] status: StatusCode) {
    let open = [Provider::Azure, Provider::Harbor, Provider::Zot].into();
    let entries = [("harbor", "hunter2"), ("zot", SECRET)];
    let here = Here::with(Settings { open, ..Settings::default() }, &entries);
    let answer = here.ask(post(path, &[], r#"{"action":"ping"}"#)).await;
    assert_eq!(answer.status, status, "{}", answer.body);
}

#[tokio::test]
async fn a_listener_for_one_provider_serves_no_other() {
    let here = Here::new(Settings::default());
    let ask = async |provider: Provider, path: &str| {
        let body = push(Provider::Quay, "v1").to_string();
        answered(here.receiver.router_of(provider), post(path, &[("authorization", SECRET)], body))
            .await
            .status
    };
    let path = format!("/quay/{SECRET}");
    assert_eq!(ask(Provider::Quay, &path).await, StatusCode::ACCEPTED);
    assert_eq!(ask(Provider::DockerHub, &path).await, StatusCode::NOT_FOUND);
    assert_eq!(ask(Provider::Quay, "/distribution").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_posts_are_taken_from_those_who_are_let_in() {
    let here = Here::new(Settings::default());
    for method in ["GET", "PUT", "HEAD", "DELETE", "OPTIONS"] {
        let request = |path: &str, header: &str| {
            let request = Request::builder().method(method).uri(path).header("authorization", header);
            request.body(axum::body::Body::empty()).unwrap()
        };
        let answer = here.ask(request("/zot", SECRET)).await;
        assert_eq!(
            (answer.status, &answer.headers["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
        );
        assert_eq!(here.ask(request("/zot", "wrong")).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn nobody_is_sent_away_for_good_before_the_secret_was_read() {
    let here = Here::new(Settings { open: [Provider::Zot].into(), ..Settings::default() });
    here.secrets.send_replace(std::sync::Arc::new(tagger_receiver::secrets::Secrets::unread()));
    for path in ["/zot", "/quay/x"] {
        let answer = here.ask(post(path, &[], "{}")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key("retry-after"));
    }
}
