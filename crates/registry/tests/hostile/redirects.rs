use axum::response::Response;
use tagger_registry::{Anonymous, Client, Credential, DockerConfig, Keychain};

use super::server::*;

fn redirect(to: &str) -> Response {
    with_header(status(307), "location", to)
}

/// A keychain for this server alone.
fn password(server: &Server) -> DockerConfig {
    password_at(&server.host())
}

fn password_at(host: &str) -> DockerConfig {
    DockerConfig::parse(
        format!(r#"{{"auths":{{"{host}":{{"username":"me","password":"secret"}}}}}}"#).as_bytes(),
    )
    .unwrap()
}

#[tokio::test]
async fn no_authorization_goes_with_a_redirect_to_another_host() {
    let elsewhere = Server::start(|_| manifest(INDEX)).await;
    let target = format!("http://{}/blob", elsewhere.host());
    let server = Server::start(move |seen| match seen.authorization {
        None => with_header(status(401), "www-authenticate", "Basic realm=\"x\""),
        Some(_) => redirect(&target),
    });
    let server = server.await;
    let mut settings = server.settings();
    settings.private.push(elsewhere.host().parse().unwrap());
    let client = Client::new(settings, password(&server)).unwrap();
    client.resolve(&server.image(), |_| Some("x/y".into())).await.unwrap();
    assert!(server.seen().last().unwrap().authorization.is_some());
    assert_eq!(elsewhere.seen().len(), 1);
    assert!(elsewhere.seen().iter().all(|seen| seen.authorization.is_none()));
}

#[tokio::test]
async fn authorization_goes_along_on_the_same_host() {
    let server = Server::start(|seen| match (&seen.authorization, seen.target.as_str()) {
        (None, _) => with_header(status(401), "www-authenticate", "Basic realm=\"x\""),
        (Some(_), "/elsewhere") => manifest(INDEX),
        _ => redirect("/elsewhere"),
    });
    let server = server.await;
    let client = server.client_with(password(&server));
    client.resolve(&server.image(), |_| Some("x/y".into())).await.unwrap();
}

#[tokio::test]
async fn a_challenge_from_where_a_redirect_leads_is_not_answered() {
    let thief = Server::start(|_| with_header(status(401), "www-authenticate", "Basic realm=\"x\"")).await;
    let target = format!("http://{}/v2/", thief.host());
    let server = Server::start(move |_| redirect(&target)).await;
    let mut settings = server.settings();
    settings.insecure.push(thief.host().parse().unwrap());
    let client = Client::new(settings, password(&server)).unwrap();
    let error = client.resolve(&server.image(), |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "Unauthorized");
    assert!(server.seen().iter().chain(&thief.seen()).all(|seen| seen.authorization.is_none()));
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_refused() {
    let plain = Server::start(|_| manifest(INDEX)).await;
    let target = format!("http://{}/", plain.host());
    let (server, certificate) = Server::start_tls(move |_| redirect(&target)).await;
    let mut settings = trusting(&server, &certificate);
    settings.insecure.push(plain.host().parse().unwrap());
    let client = Client::new(settings, Anonymous).unwrap();
    let error = client.resolve(&server.image(), |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "RedirectRefused");
    assert!(error.to_string().contains("from https to plain http"), "{error}");
    assert!(plain.seen().is_empty());
}

#[tokio::test]
async fn a_loop_of_redirects_ends_after_five() {
    let server = Server::start(|_| redirect("/again")).await;
    let error = server.client().resolve(&server.image(), |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "RedirectRefused");
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn a_redirect_to_a_private_address_that_nobody_allowed_is_refused() {
    let inside = Server::start(|_| manifest(INDEX)).await;
    let target = format!("http://{}/", inside.host());
    let server = Server::start(move |_| redirect(&target)).await;
    let error = server.client().resolve(&server.image(), |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "AddressRefused");
    assert!(inside.seen().is_empty());
}

#[tokio::test]
async fn a_credential_for_one_port_is_not_shown_to_another() {
    let server = Server::start(|_| with_header(status(401), "www-authenticate", "Basic realm=\"x\"")).await;
    let neighbour = password_at(&format!("127.0.0.1:{}", server.address.port() ^ 1));
    let image = server.image();
    let given: Vec<Credential> = neighbour.credentials(image.registry().unwrap(), image.repository());
    assert!(given.is_empty());
    let error = server.client_with(neighbour).resolve(&image, |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "Unauthorized");
    assert!(server.seen().iter().all(|seen| seen.authorization.is_none()));
}
