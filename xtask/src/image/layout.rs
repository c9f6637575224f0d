//! An OCI image layout: an index of an image for each platform, and what refers to it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::USER;
use super::commit::Commit;
use super::files::{Layer, header};
use super::platform::Platform;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A bill of materials in CycloneDX.
const BILL: &str = "application/vnd.cyclonedx+json";

/// The file that says that a folder is an image layout.
const MARK: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// The key of what an image is called in a layout, which is its tag.
const NAME: &str = "org.opencontainers.image.ref.name";

/// The image for one platform.
pub(super) struct Variant {
    pub(super) platform: Platform,
    pub(super) layers: Vec<Layer>,
}

/// What goes into the folder.
#[derive(Default)]
pub(super) struct Layout {
    blobs: BTreeMap<String, Vec<u8>>,
    named: Vec<Value>,
    time: u64,
}

impl Layout {
    /// Adds the image, and gives the descriptor of its index.
    pub(super) fn add_image(
        &mut self,
        variants: &[Variant],
        labels: &BTreeMap<String, Value>,
        commit: &Commit,
    ) -> Result<Value> {
        self.time = commit.time;
        let mut entries = Vec::new();
        for variant in variants {
            let platform = json!({ "architecture": variant.platform.architecture(), "os": "linux" });
            let mut configuration = platform.clone();
            configuration["created"] = json!(commit.written());
            configuration["config"] = json!({ "User": USER, "Entrypoint": ["/tagger"], "Cmd": ["run"], "WorkingDir": "/", "Labels": labels });
            let diff_ids: Vec<&str> = variant.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
            configuration["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
            let made = json!({ "created": commit.written(), "created_by": "cargo xtask image" });
            configuration["history"] = json!(vec![made; variant.layers.len()]);
            let config = self.add(CONFIGURATION, serde_json::to_vec(&configuration)?);
            let layers: Vec<Value> =
                variant.layers.iter().map(|layer| self.add(LAYER, layer.bytes.clone())).collect();
            let manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, "annotations": labels,
            });
            let mut entry = self.add(MANIFEST, serde_json::to_vec(&manifest)?);
            entry["platform"] = platform;
            entries.push(entry);
        }
        let index =
            json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": labels });
        let index = self.add(INDEX, serde_json::to_vec(&index)?);
        self.name(index.clone(), env!("CARGO_PKG_VERSION"));
        Ok(index)
    }

    /// Adds a document that names something as its subject: registries with a referrers API find it by that, and all others have it
    /// under the tag that cosign gives a bill of materials.
    pub(super) fn add_bill(&mut self, subject: &Value, document: Vec<u8>, commit: &Commit) {
        let subject = json!({ "mediaType": subject["mediaType"], "digest": subject["digest"], "size": subject["size"] });
        let config = self.add(EMPTY, b"{}".to_vec());
        let document = self.add(BILL, document);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BILL, "config": config, "layers": [document],
            "subject": subject, "annotations": { "org.opencontainers.image.created": commit.written() },
        });
        let manifest = self.add(MANIFEST, manifest.to_string().into_bytes());
        self.name(manifest, &bill_tag(subject["digest"].as_str().unwrap_or_default()));
    }

    /// Writes the layout to a folder. One that is something else is left as it is.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        if folder.exists() && !folder.join("oci-layout").is_file() && folder.read_dir()?.next().is_some() {
            bail!("{} is no image layout, and is not empty; name another folder", folder.display());
        }
        for (name, bytes) in self.files() {
            let file = folder.join(&name);
            if let Some(parent) = file.parent() {
                if name == "oci-layout" && parent.join("blobs").exists() {
                    fs::remove_dir_all(parent.join("blobs"))
                        .context("remove the blobs of the layout before")?;
                }
                fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
            }
            fs::write(&file, bytes).with_context(|| format!("write {}", file.display()))?;
        }
        Ok(())
    }

    /// Packs the layout into an archive.
    pub(super) fn pack(&self, file: &Path) -> Result<()> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, bytes) in self.files() {
            let mut header = header(tar::EntryType::Regular, u64::try_from(bytes.len())?, 0o644, self.time);
            archive.append_data(&mut header, &name, bytes.as_slice())?;
        }
        fs::write(file, archive.into_inner()?).with_context(|| format!("write {}", file.display()))
    }

    /// All files by their names; the first says what the folder is.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": self.named });
        let known =
            [("oci-layout".to_owned(), MARK.into()), ("index.json".to_owned(), index.to_string().into())];
        let blobs = self
            .blobs
            .iter()
            .map(|(digest, bytes)| (format!("blobs/{}", digest.replacen(':', "/", 1)), bytes.clone()));
        known.into_iter().chain(blobs).collect()
    }

    fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = digest(&bytes);
        let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        self.blobs.insert(digest, bytes);
        descriptor
    }

    fn name(&mut self, mut descriptor: Value, name: &str) {
        descriptor["annotations"] = json!({ NAME: name });
        self.named.push(descriptor);
    }
}

/// The tag of the bill of materials of what has this digest.
pub(super) fn bill_tag(digest: &str) -> String {
    format!("{}.sbom", digest.replacen(':', "-", 1))
}

/// The digest of bytes, as everybody writes it.
pub(super) fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
