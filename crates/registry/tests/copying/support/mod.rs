//! What the tests stand on.

mod attachments;
mod counting;
mod manifests;

pub use attachments::*;
pub use counting::*;
use futures::FutureExt;
use futures::future::BoxFuture;
pub use manifests::*;
use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Client, Copied, CopyError, CopyOptions, Destination, Limits, Settings};
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::Manifest;
use tagger_testkit::proxy::Proxy;
use tagger_testkit::registry::{Registry, RegistryOptions};

/// Two registries, each behind a proxy that counts, and a client that copies from the one to the other.
pub struct World {
    pub source: Registry,
    pub destination: Registry,
    /// In front of the source.
    pub out: Proxy,
    /// In front of the destination.
    pub into: Proxy,
    pub client: Client,
}

impl World {
    pub async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        Self::of(RegistryOptions::default(), limits).await
    }

    /// Both registries are started with these options.
    pub async fn of(options: RegistryOptions, limits: Limits) -> Self {
        let assets = Assets::obtain().await.unwrap();
        let source = Registry::start(&assets, &options).await.unwrap();
        let destination = Registry::start(&assets, &options).await.unwrap();
        let (out, into) = (Proxy::start(&source).await.unwrap(), Proxy::start(&destination).await.unwrap());
        let client = client(&[&out, &into], limits);
        Self { source, destination, out, into, client }
    }

    /// Fills a repository of the source.
    pub async fn push(&self, image: &Image, repository: &str, tag: &str) -> Manifest {
        let image = image.build().unwrap();
        image.push(&self.source, repository, tag).await.unwrap();
        image
    }

    /// Pushes an attachment through the source's proxy, which notes its subject where it serves referrers.
    pub async fn attach(&self, attachment: &Manifest, repository: &str) {
        attachment.push(&self.out.target().unwrap(), repository, "").await.unwrap();
    }

    /// Copies a tag of the source, or a digest, with nothing beside it.
    pub async fn copy(&self, name: &str, to: &Destination) -> Result<Copied, CopyError> {
        self.client.copy(&self.from(name), &self.client, to, &CopyOptions::default()).await
    }

    /// Copies a tag of the source with all that is attached to it.
    pub async fn copy_with_referrers(&self, name: &str, to: &Destination) -> Result<Copied, CopyError> {
        let options = CopyOptions { referrers: true, ..CopyOptions::default() };
        self.client.copy(&self.from(name), &self.client, to, &options).await
    }

    /// An image of the source: `a/b:tag` or `a/b@digest`.
    pub fn from(&self, name: &str) -> Reference {
        format!("{}/{name}", self.out.address()).parse().unwrap()
    }

    pub fn to(&self, repository: &str, tags: &[&str]) -> Destination {
        place(&self.into, repository, tags)
    }

    /// Forgets what the proxies counted.
    pub fn count_anew(&self) {
        self.out.reset();
        self.into.reset();
    }

    /// Whether a manifest is at the destination, byte for byte and under this tag or its digest, with all of its parts.
    pub async fn assert_has(&self, manifest: &Manifest, repository: &str, reference: &str) {
        assert_has(&self.destination, manifest, repository, reference).await;
    }
}

pub fn client(registries: &[&Proxy], limits: Limits) -> Client {
    let insecure = registries.iter().map(|proxy| proxy.address().parse().unwrap()).collect();
    Client::new(Settings { insecure, limits, ..Settings::default() }, Anonymous).unwrap()
}

pub fn place(proxy: &Proxy, repository: &str, tags: &[&str]) -> Destination {
    Destination {
        registry: proxy.address().parse().unwrap(),
        repository: repository.parse().unwrap(),
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
    }
}

/// Asks the registry itself, so that the proxies count nothing of it.
pub fn assert_has<'a>(
    registry: &'a Registry,
    manifest: &'a Manifest,
    repository: &'a str,
    reference: &'a str,
) -> BoxFuture<'a, ()> {
    async move {
        let digest = manifest.digest();
        let reference = if reference.is_empty() { &digest } else { reference };
        let there = registry.target().manifest(repository, reference).await.unwrap();
        assert_eq!(
            there,
            Some((manifest.media_type.clone(), manifest.bytes.clone())),
            "{repository}:{reference}"
        );
        for blob in &manifest.blobs {
            let there = registry.target().has_blob(repository, &blob.digest).await.unwrap();
            assert!(there, "{repository} lacks {}", blob.digest);
        }
        for child in &manifest.children {
            assert_has(registry, child, repository, "").await;
        }
    }
    .boxed()
}
