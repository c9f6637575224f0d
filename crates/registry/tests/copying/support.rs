use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tagger_core::reference::Reference;
use tagger_registry::{
    Anonymous, Client, Copied, CopyError, CopyOptions, Destination, Limits, Progress, Settings,
};
use tagger_testkit::assets::Assets;
use tagger_testkit::attachment::referrer;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Blob, Manifest, Pushed};
use tagger_testkit::proxy::{Kind, Proxy, Recorded};
use tagger_testkit::registry::{Registry, RegistryOptions};

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

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

/// A manifest of this JSON, and what it names.
pub fn manifest(content: &Value, blobs: Vec<Blob>, children: Vec<Manifest>) -> Manifest {
    let media_type = content["mediaType"].as_str().unwrap_or(OCI_MANIFEST);
    Manifest { blobs, children, ..Manifest::raw(media_type, content.to_string()) }
}

/// An artifact of this type that is about another manifest.
pub fn about(subject: &Manifest, artifact_type: &str, text: &str) -> Manifest {
    referrer(&pushed(subject), artifact_type, text)
}

/// A manifest as it is once it was pushed.
pub fn pushed(manifest: &Manifest) -> Pushed {
    let (digest, media_type) = (manifest.digest(), manifest.media_type.clone());
    Pushed { digest, media_type, bytes: manifest.bytes.clone() }
}

/// An index of these manifests.
pub fn index(children: Vec<Manifest>) -> Manifest {
    let entry = |child: &Manifest| json!({"mediaType": child.media_type, "digest": child.digest(), "size": child.bytes.len()});
    let entries: Vec<Value> = children.iter().map(entry).collect();
    manifest(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}), Vec::new(), children)
}

/// The digests of all the blobs that a manifest needs, each once.
pub fn blobs_of(manifest: &Manifest) -> Vec<String> {
    let own = manifest.blobs.iter().map(|blob| blob.digest.clone());
    let mut digests: Vec<String> = own.chain(manifest.children.iter().flat_map(blobs_of)).collect();
    digests.sort();
    digests.dedup();
    digests
}

/// The bytes of all the blobs that a manifest has itself.
pub fn size_of(manifest: &Manifest) -> u64 {
    manifest.blobs.iter().map(|blob| blob.bytes.len() as u64).sum()
}

/// How many requests about blobs came, in whichever direction they go.
pub fn blob_requests(proxy: &Proxy) -> Vec<String> {
    let about_blobs = |request: &Recorded| matches!(request.kind, Kind::Blob | Kind::Upload);
    let requests = proxy.requests();
    requests.iter().filter(|request| about_blobs(request)).map(line).collect()
}

/// Requests as lines: method, path and query.
pub fn lines(proxy: &Proxy) -> Vec<String> {
    proxy.requests().iter().map(line).collect()
}

fn line(request: &Recorded) -> String {
    let mark = if request.query.is_empty() { "" } else { "?" };
    format!("{} {}{mark}{}", request.method, request.path, request.query)
}

/// Adds up what a copy tells of its progress.
#[derive(Clone, Default)]
pub struct Sums(Arc<Mutex<[u64; 3]>>);

impl Sums {
    pub fn options(&self) -> CopyOptions {
        let sums = self.0.clone();
        let tell = move |step| {
            let mut sums = sums.lock().unwrap();
            match step {
                Progress::Found(bytes) => sums[0] += bytes,
                Progress::Passed(bytes) => sums[1] += bytes,
                Progress::Spared(bytes) => sums[2] += bytes,
            }
        };
        CopyOptions { progress: Some(Arc::new(tell)), ..CopyOptions::default() }
    }

    /// The bytes that were found, passed and spared.
    pub fn take(&self) -> (u64, u64, u64) {
        let [found, passed, spared] = std::mem::take(&mut *self.0.lock().unwrap());
        (found, passed, spared)
    }
}
