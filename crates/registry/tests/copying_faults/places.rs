//! Places that a registry sends us to, and where we don't go.

use axum::Router;
use axum::http::Method;
use axum_server::tls_rustls::RustlsConfig;
use rstest::rstest;
use tagger_registry::{Anonymous, Authority, Client, CopyError, CopyOptions, Settings};
use tagger_testkit::proxy::{Fault, Match, TokenOptions};
use tokio::net::TcpListener;

use super::credentials::{guarded, keychain};
use super::ends::*;

/// A host where nobody must come, and whether somebody did.
async fn forbidden() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

async fn assert_nobody_came(listener: TcpListener) {
    let came = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
    assert!(came.is_err());
}

#[tokio::test]
async fn an_upload_is_not_sent_into_a_network_that_nobody_allowed() {
    let ends = Ends::start().await;
    let (listener, address) = forbidden().await;
    ends.destination
        .fault(Match::upload().method("POST"), Fault::forward().location_host(&format!("http://{address}")));
    let error = ends.fails_at_the_destination("AddressRefused").await;
    assert!(error.to_string().contains(&format!("--private-registry {address}")), "{error}");
    assert_nobody_came(listener).await;
    ends.heals().await;
}

#[rstest]
#[case::nowhere(Fault::forward().without_header("Location"), "it names no place to upload to")]
#[case::no_url(Fault::forward().header("Location", "file:///etc/passwd"), "leads to no http(s) URL")]
#[case::a_user(Fault::forward().header("Location", "http://me:pw@127.0.0.1/x"), "bears a user name")]
#[tokio::test]
async fn a_place_to_upload_to_that_is_none_is_refused(#[case] fault: Fault, #[case] words: &str) {
    let ends = Ends::start().await;
    ends.destination.fault(Match::upload().method("POST"), fault);
    let error = ends.fails_at_the_destination("UploadFailed").await;
    assert!(error.to_string().contains(words) && !error.to_string().contains("pw"), "{error}");
    ends.heals().await;
}

#[rstest]
#[case::source(true)]
#[case::destination(false)]
#[tokio::test]
async fn a_realm_at_another_host_in_plain_http_gets_no_password(#[case] at_the_source: bool) {
    let ends = guarded().await;
    let (listener, address) = forbidden().await;
    let proxy = if at_the_source { &ends.source } else { &ends.destination };
    let realm = Some(format!("http://{address}/token"));
    proxy.require_tokens(TokenOptions { realm, ..TokenOptions::default() });
    let error = ends.copy_by(&ends.client(keychain(&ends))).await.unwrap_err();
    assert_eq!(error.reason(), "RealmRefused", "{error}");
    assert_nobody_came(listener).await;
    ends.assert_nothing_is_published().await;
}

#[tokio::test]
async fn a_list_that_goes_on_at_another_host_is_not_followed_there() {
    let ends = Ends::start().await;
    ends.heals().await;
    let (listener, address) = forbidden().await;
    let client = ends.client(Anonymous);
    client.also_reach(&address.parse().unwrap(), true);
    let link = format!("<http://{address}/v2/x/tags/list>; rel=\"next\"");
    ends.destination.fault(Match::tags(), Fault::forward().header("Link", &link));
    let error = client.tags(&ends.towards(INTO).by_digest(&ends.image.digest().parse().unwrap())).await;
    assert_eq!(error.unwrap_err().reason(), "ListInvalid");

    ends.source.serve_referrers(10);
    ends.source.fault(Match::referrers(), Fault::forward().header("Link", &link));
    let options = CopyOptions { referrers: true, ..CopyOptions::default() };
    let error = client.copy(&ends.from(), &client, &ends.towards(INTO), &options).await.unwrap_err();
    assert_eq!(error.reason(), "ListInvalid");
    assert_nobody_came(listener).await;
    ends.assert_published().await;
}

/// An image is not held up by a registry that has no such list and does not say so as it should.
#[rstest]
#[case::a_web_page(Fault::status(200).html())]
#[case::refused(Fault::status(403))]
#[case::another_list(Fault::status(200).replaced("{}").header("Content-Type", "application/json"))]
#[tokio::test]
async fn a_registry_that_keeps_no_account_of_referrers_in_its_own_way_is_copied_from(#[case] said: Fault) {
    let ends = Ends::start().await;
    ends.source.fault(Match::referrers(), said);
    let client = ends.client(Anonymous);
    let options = CopyOptions { referrers: true, ..CopyOptions::default() };
    let copied = client.copy(&ends.from(), &client, &ends.towards(INTO), &options).await.unwrap();
    assert_eq!(copied.referrers, 0);
    ends.assert_published().await;
}

/// A destination over TLS that has nothing and sends uploads to this place; also gives its certificate, in PEM.
async fn sends_uploads_to(place: String) -> (String, Vec<u8>) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let config = RustlsConfig::from_pem(certificate.clone().into(), key.into()).await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = Router::new().fallback(move |method: Method| async move {
        let status = if method == Method::POST { 202 } else { 404 };
        axum::http::Response::builder().status(status).header("location", place).body(String::new()).unwrap()
    });
    let listening = axum_server::from_tcp_rustls(listener, config).unwrap();
    tokio::spawn(async move { listening.serve(router.into_make_service()).await.unwrap() });
    (address, certificate.into())
}

#[tokio::test]
async fn an_upload_does_not_leave_https_for_plain_http() {
    let ends = Ends::start().await;
    let (listener, plain) = forbidden().await;
    let (address, pem) = sends_uploads_to(format!("http://{plain}/upload")).await;
    let registry: tagger_core::reference::Registry = address.parse().unwrap();
    let insecure = vec![ends.source.address().parse().unwrap(), plain.parse().unwrap()];
    let authorities = vec![Authority { registry: Some(registry.clone()), pem }];
    let private = vec![registry.clone()];
    let settings = Settings { insecure, private, authorities, limits: hurried(), ..Settings::default() };
    let client = Client::new(settings, Anonymous).unwrap();
    let into = tagger_registry::Destination { registry, ..ends.towards(INTO) };
    let error = client.copy(&ends.from(), &client, &into, &CopyOptions::default()).await.unwrap_err();
    assert!(matches!(error, CopyError::Destination(_)), "{error:?}");
    assert_eq!(error.reason(), "UploadFailed");
    assert!(error.to_string().contains("from https to plain http"), "{error}");
    assert_nobody_came(listener).await;
}

#[rstest]
#[case::source(true)]
#[case::destination(false)]
#[tokio::test]
async fn an_end_that_is_away_is_told(#[case] source: bool) {
    let ends = Ends::start().await;
    let proxy = if source { &ends.source } else { &ends.destination };
    proxy.stop();
    let error = match source {
        true => ends.fails_at_the_source("Unreachable").await,
        false => ends.fails_at_the_destination("Unreachable").await,
    };
    assert!(error.to_string().contains("the connection is refused"), "{error}");
    proxy.start_again().await.unwrap();
    ends.heals().await;
}
