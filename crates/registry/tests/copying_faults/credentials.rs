//! Who is shown which credential, and what becomes of tokens.

use rstest::rstest;
use tagger_registry::{CopyOptions, DockerConfig};
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy, TokenOptions};
use tagger_testkit::target::Credentials;

use super::ends::*;

/// Both ends want tokens, each for a user of its own.
pub async fn guarded() -> Ends {
    let ends = Ends::start().await;
    for (proxy, name) in [(&ends.source, "reader"), (&ends.destination, "writer")] {
        proxy.require_tokens(options(name));
    }
    ends
}

fn options(name: &str) -> TokenOptions {
    let user = Credentials { user: name.to_owned(), password: format!("{name}-secret") };
    TokenOptions { user: Some(user), ..TokenOptions::default() }
}

/// The credentials for both ends, as one user has them.
pub fn keychain(ends: &Ends) -> DockerConfig {
    let entry = |proxy: &Proxy, name: &str| {
        format!(r#""{}":{{"username":"{name}","password":"{name}-secret"}}"#, proxy.address())
    };
    let (reader, writer) = (entry(&ends.source, "reader"), entry(&ends.destination, "writer"));
    DockerConfig::parse(format!(r#"{{"auths":{{{reader},{writer}}}}}"#).as_bytes()).unwrap()
}

fn assert_nothing_was_shown(proxy: &Proxy) {
    let requests = proxy.requests();
    assert!(!requests.is_empty());
    assert!(requests.iter().all(|request| !request.has_authorization()), "{requests:?}");
}

/// Whoever asked a token server gave this name, or none.
fn assert_only(proxy: &Proxy, name: &str) {
    let asked = proxy.token_requests();
    assert!(asked.iter().any(|request| request.user.is_some()));
    assert!(asked.iter().all(|request| request.user.as_deref().is_none_or(|user| user == name)), "{asked:?}");
}

#[tokio::test]
async fn each_end_is_shown_its_own_credential_and_asked_for_no_more_than_is_needed() {
    let ends = guarded().await;
    let client = ends.client(keychain(&ends));
    ends.copy_by(&client).await.unwrap();
    client
        .copy(&ends.from(), &client, &ends.towards("cache/team/second"), &CopyOptions::default())
        .await
        .unwrap();
    assert_only(&ends.source, "reader");
    assert_only(&ends.destination, "writer");
    let scopes = |proxy: &Proxy| -> Vec<String> {
        let asked = proxy.token_requests();
        asked.iter().flat_map(|request| request.scopes()).map(str::to_owned).collect()
    };
    let allowed = "repository:company/app:pull";
    assert!(scopes(&ends.source).iter().all(|scope| scope == allowed), "{:?}", scopes(&ends.source));
    assert!(ends.destination.count("POST", Kind::Upload) >= 6, "the second copy mounts");
    assert!(scopes(&ends.destination).iter().all(|scope| scope.starts_with("repository:cache/team/")));
    ends.assert_published().await;
}

#[tokio::test]
async fn a_mount_within_one_registry_is_asked_for_in_the_name_of_who_writes() {
    let ends = guarded().await;
    let client = ends.client(keychain(&ends));
    ends.copy_by(&client).await.unwrap();
    ends.destination.require_tokens(options("writer"));
    let from = format!("{}/{INTO}:g0", ends.destination.address()).parse().unwrap();
    let reader = format!(
        r#"{{"auths":{{"{}":{{"username":"writer","password":"writer-secret"}}}}}}"#,
        ends.destination.address()
    );
    let reader = client.with_only(DockerConfig::parse(reader.as_bytes()).unwrap());
    let copied = reader
        .copy(&from, &client, &ends.towards("cache/team/mounted"), &CopyOptions::default())
        .await
        .unwrap();
    assert_eq!((copied.mounted.blobs, copied.sent.blobs), (3, 0));
    let both =
        ends.destination.token_requests().into_iter().filter(|request| request.scopes().len() == 2).count();
    assert!(both >= 1, "a token for both repositories");
}

#[tokio::test]
async fn tokens_that_run_out_in_the_middle_of_a_blob_are_fetched_anew() {
    let mut ends = guarded().await;
    ends.limits = impatient();
    let large = Match::blob().method("GET").path(&ends.large().digest);
    let large = large.when(|get| get.has_authorization());
    ends.source.fault(large.times(1), Fault::forward().stalled_after(100_000));
    let (client, from, into) = (ends.client(keychain(&ends)), ends.from(), ends.towards(INTO));
    let copy = tokio::spawn(async move { client.copy(&from, &client, &into, &CopyOptions::default()).await });
    while ends.source.bytes_sent("GET", Kind::Blob) < 100_000 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    ends.source.expire_tokens();
    copy.await.unwrap().unwrap();
    ends.assert_published().await;
    let taken_up = ends.source.requests().into_iter().filter(|get| get.headers.contains_key("range"));
    assert_eq!(taken_up.filter(|get| get.status == Some(206)).count(), 1);
    assert_eq!(ends.source.token_requests().iter().filter(|request| request.user.is_some()).count(), 2);
}

#[rstest]
#[case::tag("HEAD", Kind::Manifest)]
#[case::manifest("GET", Kind::Manifest)]
#[case::blob("GET", Kind::Blob)]
#[tokio::test]
async fn a_source_that_never_lets_us_in_is_told(#[case] method: &str, #[case] kind: Kind) {
    let ends = Ends::start().await;
    ends.source.fault(Match::kind(kind).method(method), Fault::challenge("Basic realm=\"x\""));
    let error = ends.fails_at_the_source("Unauthorized").await;
    assert!(error.to_string().contains("refuses access (HTTP 401) to anonymous"), "{error}");
    assert!(ends.source.requests().len() < 20);
    ends.heals().await;
}

#[rstest]
#[case::session("POST", Kind::Upload)]
#[case::bytes("PUT", Kind::Upload)]
#[case::manifest("PUT", Kind::Manifest)]
#[tokio::test]
async fn a_destination_that_never_lets_us_in_is_told(#[case] method: &str, #[case] kind: Kind) {
    let ends = Ends::start().await;
    ends.destination.fault(Match::kind(kind).method(method), Fault::challenge("Basic realm=\"x\""));
    let error = ends.fails_at_the_destination("Unauthorized").await;
    assert!(error.to_string().contains("refuses access (HTTP 401)"), "{error}");
    assert!(ends.destination.requests().len() < 40);
    ends.heals().await;
}

#[tokio::test]
async fn a_blob_that_is_kept_elsewhere_is_fetched_there_with_nothing_shown() {
    let ends = guarded().await;
    let storage = Proxy::start(&ends.behind).await.unwrap();
    let base = format!("http://{}", storage.address());
    let large = ends.large().digest.clone();
    ends.source
        .fault(Match::blob().method("GET").when(|get| get.has_authorization()), Fault::redirect_host(&base));
    storage.fault(Match::blob().path(&large).times(1), Fault::forward().truncated_at(100_000));
    let client = ends.client(keychain(&ends));
    client.also_reach(&storage.address().parse().unwrap(), true);
    ends.copy_by(&client).await.unwrap();
    ends.assert_published().await;
    assert_nothing_was_shown(&storage);
}

#[rstest]
#[case::in_one_piece(false)]
#[case::in_pieces(true)]
#[tokio::test]
async fn an_upload_that_goes_to_another_host_goes_with_nothing_shown(#[case] in_pieces: bool) {
    let ends = guarded().await;
    let elsewhere = Proxy::start(&ends.registry).await.unwrap();
    let base = format!("http://{}", elsewhere.address());
    ends.destination.fault(
        Match::upload().method("POST").when(|post| post.has_authorization()),
        Fault::forward().location_host(&base),
    );
    if in_pieces {
        elsewhere.fault(Match::upload().method("PUT").larger_than(0), Fault::too_large());
    }
    let client = ends.client(keychain(&ends));
    client.also_reach(&elsewhere.address().parse().unwrap(), true);
    ends.copy_by(&client).await.unwrap();
    ends.assert_published().await;
    assert_nothing_was_shown(&elsewhere);
    assert_eq!(ends.uploaded(), 0);
    assert_eq!(elsewhere.count("PATCH", Kind::Upload) > 0, in_pieces);
}
