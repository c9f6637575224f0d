use rstest::rstest;
use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Client, Retry, Settings};

use super::server::*;

async fn refusal(settings: Settings, image: &str) -> (&'static str, String) {
    let client =
        Client::new(Settings { authorities: stranger(), limits: hurried(), ..settings }, Anonymous).unwrap();
    let error = client.resolve(&image.parse::<Reference>().unwrap(), |_| None).await.unwrap_err();
    assert!(!error.to_string().contains('\n'));
    (error.reason(), error.to_string())
}

#[rstest]
#[case("127.0.0.1:5000/a")]
#[case("10.0.0.1/a")]
#[case("[::1]:5000/a")]
#[case("[::ffff:10.0.0.1]/a")]
#[case("localhost:5000/a")]
#[case("0x7f.1:5000/a")]
#[case("2130706433:5000/a")]
#[tokio::test]
async fn a_private_address_is_refused_unless_allowed_and_the_flag_is_named(#[case] image: &str) {
    let (reason, text) = refusal(Settings::default(), image).await;
    assert_eq!(reason, "AddressRefused", "{text}");
    assert!(text.contains("--private-registry"), "{text}");
}

#[rstest]
#[case("169.254.169.254/a")]
#[case("[fe80::1]/a")]
#[case("[fd00:ec2::254]/a")]
#[case("[::ffff:169.254.169.254]/a")]
#[case("[64:ff9b::a9fe:a9fe]/a")]
#[case("0.0.0.0:5000/a")]
#[tokio::test]
async fn a_metadata_address_is_refused_whatever_is_allowed(#[case] image: &str) {
    let registry = image.parse::<Reference>().unwrap().registry().unwrap().clone();
    let settings = Settings {
        private_everywhere: true,
        private: vec![registry.clone()],
        insecure: vec![registry],
        ..Settings::default()
    };
    let (reason, text) = refusal(settings, image).await;
    assert_eq!(reason, "AddressRefused", "{text}");
    assert!(!text.contains("--private-registry"), "{text}");
}

#[tokio::test]
async fn a_name_that_resolves_to_this_machine_works_where_it_is_allowed() {
    let server = Server::start(|_| manifest(INDEX)).await;
    let host = format!("localhost:{}", server.address.port());
    let image: Reference = format!("{host}/a").parse().unwrap();
    let plain = vec![host.parse().unwrap()];
    let allowed = Settings { insecure: plain, limits: hurried(), ..Settings::default() };
    Client::new(allowed, Anonymous).unwrap().resolve(&image, |_| None).await.unwrap();
}

#[tokio::test]
async fn a_registry_with_a_certificate_of_its_own_is_believed_and_only_there() {
    let (server, certificate) = Server::start_tls(|_| manifest(INDEX)).await;
    let settings = trusting(&server, &certificate);
    let client = Client::new(settings.clone(), Anonymous).unwrap();
    client.resolve(&server.image(), |_| None).await.unwrap();

    let (other, _) = Server::start_tls(|_| manifest(INDEX)).await;
    let settings = Settings { private: vec![other.host().parse().unwrap()], ..settings };
    let client = Client::new(settings, Anonymous).unwrap();
    let error = client.resolve(&other.image(), |_| None).await.unwrap_err();
    assert_eq!((error.reason(), error.retry()), ("TlsFailed", Retry::WhenChanged));
    assert!(error.to_string().contains("--registry-ca"), "{error}");
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn an_authority_without_a_host_counts_for_all() {
    let (server, certificate) = Server::start_tls(|_| manifest(INDEX)).await;
    let mut settings = trusting(&server, &certificate);
    settings.authorities[0].registry = None;
    Client::new(settings, Anonymous).unwrap().resolve(&server.image(), |_| None).await.unwrap();
}

#[tokio::test]
async fn a_registry_that_answers_plain_http_is_told_with_the_flag() {
    let server = Server::start(|_| manifest(INDEX)).await;
    let settings = Settings { private_everywhere: true, ..Settings::default() };
    let (reason, text) = refusal(settings, &server.image().to_string()).await;
    assert_eq!(reason, "TlsFailed", "{text}");
    assert!(text.contains("--insecure-registry"), "{text}");
}

/// Runs this test program again as on a machine without certificate authorities; a process can't take its own away.
#[test]
fn a_machine_without_authorities_says_so_where_it_needs_them_and_only_there() {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "addresses::on_a_machine_without_authorities", "--ignored"])
        .envs([("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success() && output.contains("1 passed"), "{output}");
}

#[tokio::test]
#[ignore = "run by the test above, in an environment of its own"]
async fn on_a_machine_without_authorities() {
    let plain = Server::start(|_| manifest(INDEX)).await;
    plain.client().resolve(&plain.image(), |_| None).await.unwrap();
    let (secure, certificate) = Server::start_tls(|_| manifest(INDEX)).await;
    let believed = trusting(&secure, &certificate);
    Client::new(believed.clone(), Anonymous).unwrap().resolve(&secure.image(), |_| None).await.unwrap();
    let client = Client::new(Settings { authorities: Vec::new(), ..believed }, Anonymous).unwrap();
    let error = client.resolve(&secure.image(), |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "TlsFailed");
    assert!(error.to_string().contains("no certificate authorities; mount them"), "{error}");
}
