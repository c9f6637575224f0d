//! Small images made from a seed: the same seed gives the same bytes, everywhere.

mod format;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::manifest::{Blob, Manifest, Pushed, digest};
use crate::target::Target;
use format::Format;

/// The platform of an image that names none.
const PLATFORM: &str = "linux/amd64";

/// A description of an image, from which its manifest is built.
#[derive(Clone, Debug)]
pub struct Image {
    seed: u64,
    layer_seed: u64,
    layers: u64,
    layer_size: usize,
    own_layers: u64,
    format: Format,
    platforms: Vec<String>,
    is_index: bool,
    annotations: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

impl Image {
    /// An image for one platform, with two small layers.
    pub fn single(seed: u64) -> Self {
        Self {
            seed,
            layer_seed: seed,
            layers: 2,
            layer_size: 1024,
            own_layers: 0,
            format: Format::Oci,
            platforms: vec![PLATFORM.to_owned()],
            is_index: false,
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }

    /// An index with an image for each of these platforms, such as `linux/arm/v7`.
    pub fn index(seed: u64, platforms: &[&str]) -> Self {
        let platforms = platforms.iter().map(|&platform| platform.to_owned()).collect();
        Self { platforms, is_index: true, ..Self::single(seed) }
    }

    /// Uses Docker's media types (schema 2) in place of OCI's.
    pub fn docker(mut self) -> Self {
        self.format = Format::Docker;
        self
    }

    /// Names the platform of an image that has one.
    pub fn platform(mut self, platform: &str) -> Self {
        self.platforms = vec![platform.to_owned()];
        self
    }

    /// Has this many layers of this many bytes each.
    pub fn layers(mut self, layers: u64, size: usize) -> Self {
        self.layers = layers;
        self.layer_size = size;
        self
    }

    /// Takes the layers from another seed, so that images of different seeds share their layers.
    pub fn layers_of(mut self, seed: u64) -> Self {
        self.layer_seed = seed;
        self
    }

    /// Makes the last `count` layers its own, though the others are of another seed.
    pub fn own_layers(mut self, count: u64) -> Self {
        self.own_layers = count;
        self
    }

    /// Adds an annotation to the manifest, or to the index.
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a label to the configuration of each platform.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Builds the manifest with everything it refers to.
    pub fn build(&self) -> Result<Manifest> {
        let images: Vec<Manifest> =
            self.platforms.iter().map(|platform| self.build_platform(platform)).collect::<Result<_>>()?;
        if !self.is_index {
            return images.into_iter().next().context("an image has one platform");
        }
        let entries: Vec<Value> = images
            .iter()
            .zip(&self.platforms)
            .map(|(image, platform)| {
                let mut entry = image.pushed().descriptor();
                entry["platform"] = platform_parts(platform);
                entry
            })
            .collect();
        let mut content = json!({"schemaVersion": 2, "mediaType": self.format.index(), "manifests": entries});
        self.annotate(&mut content);
        Ok(Manifest::json(&content, Vec::new(), images))
    }

    /// Builds the image and pushes it; an empty `reference` means its digest.
    pub async fn push(
        &self,
        target: &impl AsRef<Target>,
        repository: &str,
        reference: &str,
    ) -> Result<Pushed> {
        self.build()?.push(target, repository, reference).await
    }

    fn build_platform(&self, platform: &str) -> Result<Manifest> {
        let mut layers = Vec::new();
        let mut diff_ids = Vec::new();
        for number in 0..self.layers {
            let (layer, diff_id) = self.layer(platform, number)?;
            layers.push(layer);
            diff_ids.push(diff_id);
        }
        let mut configuration = platform_parts(platform);
        configuration["created"] = json!("2024-01-01T00:00:00Z");
        configuration["config"] = json!({"Labels": self.labels, "Env": [format!("SEED={}", self.seed)]});
        configuration["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        let configuration = Blob::new(self.format.configuration(), configuration.to_string());
        let mut content = json!({
            "schemaVersion": 2,
            "mediaType": self.format.manifest(),
            "config": configuration.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        });
        if !self.is_index {
            self.annotate(&mut content);
        }
        layers.insert(0, configuration);
        Ok(Manifest::json(&content, layers, Vec::new()))
    }

    /// A layer with one file in it, and the digest of the layer before compression.
    fn layer(&self, platform: &str, number: u64) -> Result<(Blob, String)> {
        let is_own = number + self.own_layers >= self.layers;
        let seed = if is_own { self.seed } else { self.layer_seed };
        let content = noise(&format!("{seed}/{platform}/{number}"), self.layer_size);
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(content.len())?);
        header.set_mode(0o644);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut header, format!("data-{number}"), content.as_slice())?;
        let archive = archive.into_inner()?;
        let diff_id = digest(&archive);
        // Noise doesn't compress; only the format matters.
        let mut encoder = GzEncoder::new(Vec::with_capacity(archive.len() + 4096), Compression::none());
        std::io::Write::write_all(&mut encoder, &archive)?;
        Ok((Blob::new(self.format.layer(), encoder.finish()?), diff_id))
    }

    fn annotate(&self, content: &mut Value) {
        if !self.annotations.is_empty() {
            content["annotations"] = json!(self.annotations);
        }
    }
}

/// Splits `os/architecture[/variant]` as configurations and indexes write it.
fn platform_parts(platform: &str) -> Value {
    let mut parts = platform.split('/');
    let mut value = json!({"os": parts.next(), "architecture": parts.next()});
    if let Some(variant) = parts.next() {
        value["variant"] = json!(variant);
    }
    value
}

/// Bytes that look random and follow from the seed, made fast: test images may be large.
fn noise(seed: &str, size: usize) -> Vec<u8> {
    let hash = Sha256::digest(seed);
    let mut state = hash.iter().take(8).fold(0_u64, |state, byte| state << 8 | u64::from(*byte));
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        // One step of SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
