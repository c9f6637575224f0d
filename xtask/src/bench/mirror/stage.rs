//! What copies are measured on: registries at both ends, or memory and a sink.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tagger_testkit::assets::Assets;
use tagger_testkit::manifest::{Manifest, push_many};
use tagger_testkit::proxy::{Kind, Proxy};
use tagger_testkit::registry::{Registry, RegistryOptions};
use tagger_testkit::sink::Sink;
use tagger_testkit::skopeo::Skopeo;
use tagger_testkit::source::Source;

use super::Options;
use super::images::{self, Placed};
use super::scenario::Scenario;
use crate::cargo;

/// What is under another name in the destination.
const MIRROR: &str = "mirror";

/// All the parts.
pub(super) struct Stage {
    pub(super) binary: PathBuf,
    pub(super) skopeo: Skopeo,
    pub(super) registry: Registry,
    pub(super) memory: Source,
    pub(super) sink: Sink,
    assets: Assets,
    /// Repository, tag and digest.
    images: BTreeMap<Scenario, Vec<(String, String, String)>>,
    size: u64,
}

/// What to copy, and where.
pub(super) struct Pair {
    pub(super) source: String,
    pub(super) destination: String,
}

impl Stage {
    /// Makes the images and starts what they come from.
    pub(super) async fn set(options: &Options) -> Result<Self> {
        let binary = options.operator.clone().map_or_else(|| cargo::operator(true), Ok)?;
        let (assets, skopeo) = (Assets::obtain().await?, Skopeo::obtain().await?);
        let registry = Registry::start(&assets, &RegistryOptions::default()).await?;
        let layer = usize::try_from(options.layer)? << 20;
        let mut images = BTreeMap::new();
        let mut memory = None;
        let mut size = 0;
        for scenario in Scenario::ALL {
            eprintln!("making the images of: {scenario}");
            let made = images::of(scenario, layer, options.images.into())?;
            let places = made
                .iter()
                .map(|image| (image.repository.clone(), image.tag.clone(), image.manifest.digest()));
            images.insert(scenario, places.collect());
            let made: Vec<(Manifest, String, String)> = made.into_iter().map(whole).collect();
            if scenario == Scenario::Sink {
                size = made
                    .iter()
                    .flat_map(|(image, ..)| &image.blobs)
                    .map(|blob| blob.bytes.len() as u64)
                    .sum();
                memory = Some(Source::start(&made).await?);
            } else if scenario != Scenario::Warm {
                // One at a time: this registry refuses a manifest while somebody else uploads a layer of it.
                push_many(&registry, 1, &made).await?;
            }
        }
        let memory = memory.context("no scenario copies from memory")?;
        Ok(Self { binary, skopeo, registry, memory, sink: Sink::start().await?, assets, images, size })
    }

    /// Starts a registry to copy to, which has nothing yet.
    pub(super) async fn destination(&self) -> Result<Registry> {
        Registry::start(&self.assets, &RegistryOptions::default()).await
    }

    /// What is to be copied, between registries at these addresses.
    pub(super) fn pairs(&self, scenario: Scenario, source: String, destination: String) -> Vec<Pair> {
        let pair = |(repository, tag, _): &(String, String, String)| Pair {
            source: format!("{source}/{repository}:{tag}"),
            destination: format!("{destination}/{MIRROR}/{repository}:{tag}"),
        };
        self.images.get(&scenario).into_iter().flatten().map(pair).collect()
    }

    /// Checks that each image has arrived, with the digest that it has at the source.
    pub(super) async fn check(&self, scenario: Scenario, registry: &Registry) -> Result<()> {
        for (repository, tag, digest) in self.images.get(&scenario).into_iter().flatten() {
            let found = registry.target().digest(&format!("{MIRROR}/{repository}"), tag).await?;
            ensure!(
                found.as_ref() == Some(digest),
                "{repository}:{tag} arrived as {found:?}, and not as {digest}"
            );
        }
        Ok(())
    }

    /// How many bytes the blobs of the large image have.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

fn whole(image: Placed) -> (Manifest, String, String) {
    (image.manifest, image.repository, image.tag)
}

/// A registry as seen through a proxy that counts.
pub(super) struct Place {
    proxy: Proxy,
}

/// What was asked of a registry.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Count {
    pub(super) requests: usize,
    /// Those about blobs and uploads.
    pub(super) blob_requests: usize,
    /// The bodies of requests and answers together.
    pub(super) bytes: u64,
}

impl Place {
    pub(super) async fn before(registry: &Registry) -> Result<Self> {
        Ok(Self { proxy: Proxy::start(registry).await? })
    }

    pub(super) fn address(&self) -> String {
        self.proxy.address().to_owned()
    }

    /// What was asked since the last time.
    pub(super) fn count(&self) -> Count {
        let requests = self.proxy.requests();
        self.proxy.reset();
        let is_about_blobs = |kind: Kind| matches!(kind, Kind::Blob | Kind::Upload);
        Count {
            requests: requests.len(),
            blob_requests: requests.iter().filter(|request| is_about_blobs(request.kind)).count(),
            bytes: requests.iter().map(|request| request.received + request.sent).sum(),
        }
    }
}
