//! Two ends of a copy, with a proxy before each that breaks what it is told to.

use std::time::Duration;

use tagger_core::reference::Reference;
use tagger_registry::{
    Anonymous, Client, Copied, CopyError, CopyOptions, Destination, Keychain, Limits, Settings,
};
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Blob, Manifest};
use tagger_testkit::proxy::{Kind, Proxy};
use tagger_testkit::registry::{Registry, RegistryOptions};
use tagger_testkit::source::Source;
use tagger_testkit::target::Target;

/// Where the image is at the source.
pub const FROM: &str = "company/app";
/// Another repository of the source's that has it.
pub const OTHER: &str = "other/app";
/// Where it goes at the destination.
pub const INTO: &str = "cache/team/app";

pub struct Ends {
    pub source: Proxy,
    pub destination: Proxy,
    /// What is behind the destination's proxy.
    pub registry: Registry,
    /// What is behind the source's proxy.
    pub behind: Target,
    pub image: Manifest,
    pub limits: Limits,
    _shop: Source,
}

/// An image of a configuration and two layers, the first of which is by far the largest blob.
pub fn image() -> Manifest {
    let large = Image::single(1).layers(1, 300_000).build().unwrap();
    let mut blobs = large.blobs;
    blobs.push(Blob::new("application/vnd.oci.image.layer.v1.tar", "a small layer"));
    of_blobs(blobs)
}

/// An image of these blobs, the first of which is its configuration.
pub fn of_blobs(blobs: Vec<Blob>) -> Manifest {
    let (config, layers) = blobs.split_first().unwrap();
    let layers: Vec<_> = layers.iter().map(Blob::descriptor).collect();
    let content = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config.descriptor(),
        "layers": layers,
    });
    Manifest { blobs, ..of_json(&content) }
}

/// A manifest of whatever is given.
pub fn of_json(content: &serde_json::Value) -> Manifest {
    Manifest::raw(content["mediaType"].as_str().unwrap_or_default(), content.to_string())
}

/// An index of these manifests.
pub fn index_of(children: Vec<Manifest>) -> Manifest {
    let entries: Vec<_> = children
        .iter()
        .map(|child| serde_json::json!({"mediaType": child.media_type, "digest": child.digest(), "size": child.bytes.len()}))
        .collect();
    let content = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": entries,
    });
    Manifest { children, ..of_json(&content) }
}

pub async fn registry(options: RegistryOptions) -> Registry {
    Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap()
}

impl Ends {
    /// With a small image at the source, and an empty registry at the destination.
    pub async fn start() -> Self {
        Self::with(image(), RegistryOptions::default()).await
    }

    pub async fn of(image: Manifest) -> Self {
        Self::with(image, RegistryOptions::default()).await
    }

    pub async fn with(image: Manifest, options: RegistryOptions) -> Self {
        let shelves = [FROM, OTHER].map(|repository| (image.clone(), repository.to_owned(), "v1".to_owned()));
        let shop = Source::start(&shelves).await.unwrap();
        let behind = Target::new(&format!("http://{}", shop.address()), None, None).unwrap();
        let registry = registry(options).await;
        let source = Proxy::start(&behind).await.unwrap();
        let destination = Proxy::start(&registry).await.unwrap();
        Self { source, destination, registry, behind, image, limits: hurried(), _shop: shop }
    }

    /// A client that may go to both ends. It knows nothing of what others did.
    pub fn client(&self, keychain: impl Keychain + 'static) -> Client {
        let insecure = [&self.source, &self.destination].map(|proxy| proxy.address().parse().unwrap());
        let limits = self.limits.clone();
        Client::new(Settings { insecure: insecure.into(), limits, ..Settings::default() }, keychain).unwrap()
    }

    /// The image at the source, by its tag.
    pub fn from(&self) -> Reference {
        format!("{}/{FROM}:v1", self.source.address()).parse().unwrap()
    }

    pub fn into(&self) -> Destination {
        self.towards(INTO)
    }

    pub fn towards(&self, repository: &str) -> Destination {
        Destination {
            registry: self.destination.address().parse().unwrap(),
            repository: repository.parse().unwrap(),
            tags: ["g0", "current"].map(|tag| tag.parse().unwrap()).into(),
        }
    }

    pub async fn copy(&self) -> Result<Copied, CopyError> {
        self.copy_by(&self.client(Anonymous)).await
    }

    pub async fn copy_by(&self, client: &Client) -> Result<Copied, CopyError> {
        client.copy(&self.from(), client, &self.into(), &CopyOptions::default()).await
    }

    /// Copies, which must fail at the source in this way and leave nothing that can be pulled.
    pub async fn fails_at_the_source(&self, reason: &str) -> CopyError {
        let error = self.fails(reason).await;
        assert!(matches!(error, CopyError::Source(_)), "{error:?}");
        assert!(error.to_string().starts_with(self.source.address()), "{error}");
        error
    }

    /// Copies, which must fail at the destination in this way and leave nothing that can be pulled.
    pub async fn fails_at_the_destination(&self, reason: &str) -> CopyError {
        let error = self.fails(reason).await;
        assert!(matches!(error, CopyError::Destination(_)), "{error:?}");
        let whole = format!("{}/{INTO}@{}: ", self.destination.address(), self.image.digest());
        assert!(error.to_string().starts_with(&whole), "{error}");
        error
    }

    async fn fails(&self, reason: &str) -> CopyError {
        let error = self.copy().await.unwrap_err();
        assert_eq!(error.reason(), reason, "{error}");
        self.assert_nothing_is_published().await;
        error
    }

    /// No tag and no manifest of the image is there.
    pub async fn assert_nothing_is_published(&self) {
        let target = self.registry.target();
        assert_eq!(target.tags(INTO).await.unwrap(), Vec::<String>::new());
        assert_eq!(target.manifest(INTO, &self.image.digest()).await.unwrap(), None);
    }

    /// With nothing in its way any more, the copy is done, and sends no byte that is there already.
    pub async fn heals(&self) -> Copied {
        self.source.reset();
        self.destination.reset();
        let missing = self.missing().await;
        let copied = self.copy().await.unwrap();
        assert_eq!(copied.digest.as_str(), self.image.digest());
        assert_eq!((copied.sent.bytes, self.uploaded()), (missing, missing));
        self.assert_published().await;
        copied
    }

    pub async fn assert_published(&self) {
        for tag in ["g0", "current"] {
            let digest = self.registry.target().digest(INTO, tag).await.unwrap();
            assert_eq!(digest, Some(self.image.digest()), "{tag}");
        }
        assert_eq!(self.missing().await, 0);
    }

    /// The bytes of blobs that came to the destination's proxy.
    pub fn uploaded(&self) -> u64 {
        let proxy = &self.destination;
        proxy.bytes_received("PUT", Kind::Upload) + proxy.bytes_received("PATCH", Kind::Upload)
    }

    /// The bytes of those blobs of the image that the destination hasn't got.
    pub async fn missing(&self) -> u64 {
        let mut missing = std::collections::BTreeMap::new();
        let mut images = vec![&self.image];
        while let Some(image) = images.pop() {
            images.extend(&image.children);
            for blob in &image.blobs {
                if !self.registry.target().has_blob(INTO, &blob.digest).await.unwrap() {
                    missing.insert(&blob.digest, blob.bytes.len() as u64);
                }
            }
        }
        missing.values().sum()
    }

    /// The largest blob of the image.
    pub fn large(&self) -> &Blob {
        self.image.blobs.iter().max_by_key(|blob| blob.bytes.len()).unwrap()
    }
}

/// Limits that let a test be over soon, and leave a busy machine the time that it needs.
pub fn hurried() -> Limits {
    Limits {
        connect: Duration::from_secs(3),
        first_byte: Duration::from_secs(3),
        whole: Duration::from_secs(10),
        stall: Duration::from_secs(10),
        backoff: Duration::from_millis(10),
        pause: Duration::from_millis(10),
        patience: Duration::from_secs(1),
        ..Limits::default()
    }
}

/// Limits for what never comes.
pub fn impatient() -> Limits {
    Limits { first_byte: Duration::from_millis(1500), stall: Duration::from_secs(10), ..hurried() }
}
