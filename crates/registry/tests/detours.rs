//! A registry that is reached elsewhere than its name says keeps its name for everything else.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use tagger_core::reference::Reference;
use tagger_registry::{Authority, Client, CopyOptions, Destination, Detour, DockerConfig, Settings};
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::registry::{Registry, RegistryOptions};

const NAME: &str = "registry.ci.svc:5000";

async fn start(options: RegistryOptions) -> Registry {
    Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap()
}

fn by_detour(registry: &Registry, name: &str) -> Settings {
    let detours = vec![Detour { registry: name.parse().unwrap(), at: registry.address().parse().unwrap() }];
    Settings { detours, ..Settings::default() }
}

fn credentials_of(name: &str) -> DockerConfig {
    let auths = format!(r#"{{"auths":{{"{name}":{{"username":"me","password":"secret"}}}}}}"#);
    DockerConfig::parse(auths.as_bytes()).unwrap()
}

#[tokio::test]
async fn a_plain_registry_is_read_written_and_shown_the_credentials_of_its_name() {
    let registry = start(RegistryOptions::default().user("me", "secret")).await;
    let pushed = Image::single(1).push(&registry, "a/b", "v1").await.unwrap();
    let settings = Settings { insecure: vec![NAME.parse().unwrap()], ..by_detour(&registry, NAME) };
    let client = Client::new(settings, credentials_of(NAME)).unwrap();
    let image: Reference = format!("{NAME}/a/b:v1").parse().unwrap();

    let resolved = client.resolve(&image, |_| None).await.unwrap();
    assert_eq!(resolved.digest.as_str(), pushed.digest);
    assert_eq!(resolved.reference, image, "it is called what it was called");
    client.tag(&image.pinned(&resolved.digest), &"v2".parse().unwrap()).await.unwrap();
    let destination = Destination {
        registry: NAME.parse().unwrap(),
        repository: "c/d".parse().unwrap(),
        tags: vec!["v1".parse().unwrap()],
    };
    client.copy(&image, &client, &destination, &CopyOptions::default()).await.unwrap();
    assert_eq!(registry.target().digest("a/b", "v2").await.unwrap(), Some(pushed.digest.clone()));
    assert_eq!(registry.target().digest("c/d", "v1").await.unwrap(), Some(pushed.digest));
}

#[tokio::test]
async fn a_registry_over_tls_must_have_the_certificate_of_its_name() {
    let registry = start(RegistryOptions::default().tls()).await;
    let pushed = Image::single(1).push(&registry, "a/b", "v1").await.unwrap();
    let pem = std::fs::read(registry.ca_file().unwrap()).unwrap();
    let at = |name: &str| {
        let authority = Authority { registry: Some(name.parse().unwrap()), pem: pem.clone() };
        let settings = Settings { authorities: vec![authority], ..by_detour(&registry, name) };
        let image: Reference = format!("{name}/a/b:v1").parse().unwrap();
        (Client::new(settings, tagger_registry::Anonymous).unwrap(), image)
    };
    let (client, image) = at("localhost:5000");
    assert_eq!(client.digest(&image).await.unwrap().as_str(), pushed.digest);
    let (client, image) = at(NAME);
    assert_eq!(client.digest(&image).await.unwrap_err().reason(), "TlsFailed");
}
