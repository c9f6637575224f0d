//! What the tests stand on: a registry behind a proxy that counts, and a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tagger_core::reference::Reference;
use tagger_registry::{
    Anonymous, Choice, Client, Copied, Destination, Layout, Limits, OnDisk, PushError, SaveError,
    SaveOptions, Saved, Settings,
};
use tagger_testkit::assets::Assets;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Blob, Manifest};
use tagger_testkit::proxy::{Kind, Proxy};
use tagger_testkit::registry::{Registry, RegistryOptions};

pub struct Ground {
    pub registry: Registry,
    pub proxy: Proxy,
    pub folder: tempfile::TempDir,
    pub limits: Limits,
}

impl Ground {
    pub async fn start() -> Self {
        let assets = Assets::obtain().await.unwrap();
        let registry = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
        let proxy = Proxy::start(&registry).await.unwrap();
        let limits = Limits {
            first_byte: Duration::from_millis(1500),
            backoff: Duration::from_millis(1),
            ..Limits::default()
        };
        Self { registry, proxy, folder: tempfile::tempdir().unwrap(), limits }
    }

    pub fn client(&self) -> Client {
        let insecure = vec![self.proxy.address().parse().unwrap()];
        Client::new(Settings { insecure, limits: self.limits.clone(), ..Settings::default() }, Anonymous)
            .unwrap()
    }

    /// Fills a repository.
    pub async fn fill(&self, image: &Image, name: &str) -> Manifest {
        let image = image.build().unwrap();
        let (repository, tag) = name.split_once(':').unwrap();
        image.push(&self.registry, repository, tag).await.unwrap();
        image
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn named(&self, name: &str) -> Reference {
        format!("{}/{name}", self.proxy.address()).parse().unwrap()
    }

    pub async fn save(&self, name: &str, path: &Path, layout: Layout) -> Result<Saved, SaveError> {
        self.save_with(name, path, SaveOptions { layout, ..SaveOptions::default() }).await
    }

    pub async fn save_with(&self, name: &str, path: &Path, options: SaveOptions) -> Result<Saved, SaveError> {
        self.client().save(&self.named(name), path, &options).await
    }

    pub async fn push(&self, path: &Path, name: &str) -> Result<Copied, PushError> {
        let image = Arc::new(OnDisk::open(path, &Choice::default()).await?);
        self.client().push(&image, &self.to(name), None).await
    }

    pub fn to(&self, name: &str) -> Destination {
        let (repository, tag) = name.split_once(':').unwrap();
        Destination {
            registry: self.proxy.address().parse().unwrap(),
            repository: repository.parse().unwrap(),
            tags: vec![tag.parse().unwrap()],
        }
    }

    /// Whether a manifest is in a repository, under this tag.
    pub async fn has(&self, manifest: &Manifest, name: &str) -> bool {
        let (repository, tag) = name.split_once(':').unwrap();
        let there = self.registry.target().manifest(repository, tag).await.unwrap();
        there == Some((manifest.media_type.clone(), manifest.bytes.clone()))
    }

    /// Whether there is any manifest in a repository.
    pub async fn is_untouched(&self, repository: &str) -> bool {
        let puts = self.proxy.requests().into_iter().filter(|request| request.method == "PUT");
        puts.filter(|put| put.kind == Kind::Manifest && put.repository == repository).count() == 0
    }

    /// The bytes of blobs that were given out.
    pub fn given(&self) -> u64 {
        self.proxy.bytes_sent("GET", Kind::Blob)
    }

    /// The bytes of blobs that were sent in.
    pub fn taken(&self) -> u64 {
        ["PUT", "PATCH"].into_iter().map(|method| self.proxy.bytes_received(method, Kind::Upload)).sum()
    }
}

pub fn index() -> Image {
    Image::index(1, &["linux/amd64", "linux/arm/v7"])
}

/// The bytes of all blobs, each counted once.
pub fn size_of(manifest: &Manifest) -> u64 {
    let mut blobs = blobs_of(manifest);
    blobs.sort_by(|one, other| one.digest.cmp(&other.digest));
    blobs.dedup_by(|one, other| one.digest == other.digest);
    blobs.iter().map(|blob| blob.bytes.len() as u64).sum()
}

pub fn blobs_of(manifest: &Manifest) -> Vec<Blob> {
    let children = manifest.children.iter().flat_map(blobs_of);
    manifest.blobs.iter().cloned().chain(children).collect()
}

/// Where a layout has a blob.
pub fn blob_path(layout: &Path, digest: &str) -> PathBuf {
    layout.join("blobs").join(digest.replace(':', "/"))
}

/// All files of a folder, by their paths within.
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => left.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}
