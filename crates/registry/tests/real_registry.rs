//! The client asks a real registry, in each way that one can be run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Authority, Client, DockerConfig, Error, Resolved, Settings};
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::Pushed;
use tagger_testkit::registry::{Registry, RegistryOptions};

const REPOSITORY: &str = "company/myapp";

async fn start(options: RegistryOptions) -> Registry {
    Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap()
}

async fn index(registry: &Registry) -> Pushed {
    Image::index(1, &["linux/amd64", "linux/arm64"]).push(registry, REPOSITORY, "v1").await.unwrap()
}

fn image(registry: &Registry) -> Reference {
    format!("{}/{REPOSITORY}:v1", registry.address()).parse().unwrap()
}

fn insecure(registry: &Registry) -> Settings {
    Settings { insecure: vec![registry.address().parse().unwrap()], ..Settings::default() }
}

fn trusting(registry: &Registry) -> Settings {
    let host: tagger_core::reference::Registry = registry.address().parse().unwrap();
    let pem = std::fs::read(registry.ca_file().unwrap()).unwrap();
    let authorities = vec![Authority { registry: Some(host.clone()), pem }];
    Settings { private: vec![host], authorities, ..Settings::default() }
}

async fn resolve(client: &Client, registry: &Registry) -> Result<Resolved, Error> {
    client.resolve(&image(registry), |_| None).await
}

fn assert_is(resolved: &Resolved, pushed: &Pushed) {
    assert_eq!(resolved.digest.as_str(), pushed.digest);
    assert_eq!(resolved.media_type, pushed.media_type);
    assert_eq!(resolved.size, Some(pushed.bytes.len() as u64));
}

#[tokio::test]
async fn an_index_on_a_plain_registry_is_resolved_to_itself_and_not_to_a_platform() {
    let registry = start(RegistryOptions::default()).await;
    let pushed = index(&registry).await;
    let client = Client::new(insecure(&registry), Anonymous).unwrap();
    assert_is(&resolve(&client, &registry).await.unwrap(), &pushed);

    let docker = Image::single(2).docker().push(&registry, REPOSITORY, "v1").await.unwrap();
    assert_is(&resolve(&client, &registry).await.unwrap(), &docker);

    let missing: Reference = format!("{}/{REPOSITORY}:gone", registry.address()).parse().unwrap();
    assert_eq!(client.resolve(&missing, |_| None).await.unwrap_err().reason(), "NotFound");
}

#[tokio::test]
async fn a_registry_over_tls_is_believed_by_its_own_authority() {
    let registry = start(RegistryOptions::default().tls()).await;
    let pushed = index(&registry).await;
    let client = Client::new(trusting(&registry), Anonymous).unwrap();
    assert_is(&resolve(&client, &registry).await.unwrap(), &pushed);

    let settings = Settings { authorities: Vec::new(), ..trusting(&registry) };
    let error = resolve(&Client::new(settings, Anonymous).unwrap(), &registry).await.unwrap_err();
    assert_eq!(error.reason(), "TlsFailed");
    assert!(error.to_string().contains("--registry-ca"), "{error}");
}

#[tokio::test]
async fn a_registry_with_users_lets_in_who_has_the_password() {
    let registry = start(RegistryOptions::default().tls().user("me", "secret")).await;
    let pushed = index(&registry).await;
    let keychain = |password: &str| {
        let address = registry.address();
        let entry = format!(r#"{{"auths":{{"{address}":{{"username":"me","password":"{password}"}}}}}}"#);
        DockerConfig::parse(entry.as_bytes()).unwrap()
    };
    let client = Client::new(trusting(&registry), keychain("secret")).unwrap();
    assert_is(&resolve(&client, &registry).await.unwrap(), &pushed);

    let client = Client::new(trusting(&registry), keychain("wrong")).unwrap();
    let error = resolve(&client, &registry).await.unwrap_err();
    assert_eq!(error.reason(), "Unauthorized");
    assert!(!format!("{error} {error:?}").contains("wrong"));
}
