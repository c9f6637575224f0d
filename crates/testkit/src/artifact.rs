//! Manifests beyond plain images: charts, artifacts, nested and sparse indexes, and rare fields.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::manifest::{Blob, Manifest, digest};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
const FOREIGN_DOCKER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// A Helm chart of this name, in the shape that Helm pushes.
///
/// The shape is real and the chart is not: its archive is just bytes.
pub fn chart(name: &str) -> Manifest {
    let about = json!({"apiVersion": "v2", "name": name, "version": "1.0.0"});
    let configuration = Blob::new("application/vnd.cncf.helm.config.v1+json", about.to_string());
    let archive = format!("the chart {name}");
    let archive = Blob::new("application/vnd.cncf.helm.chart.content.v1.tar+gzip", archive);
    manifest(json!({"annotations": {"org.opencontainers.image.title": name}}), configuration, vec![archive])
}

/// An artifact of this type, with an empty configuration, as ORAS makes them.
pub fn artifact(artifact_type: &str, payload: &str) -> Manifest {
    let empty = Blob::new("application/vnd.oci.empty.v1+json", "{}");
    let payload = Blob::new(artifact_type, payload.to_owned());
    manifest(json!({"artifactType": artifact_type}), empty, vec![payload])
}

/// An index of these manifests, of which any may be an index itself.
pub fn index(children: &[Manifest]) -> Manifest {
    sparse_index(children, &[])
}

/// An index that names, besides its children, manifests that nobody has: `absent` are the bytes they
/// would have had. The CNCF distribution takes no such index; [`crate::source`] does.
pub fn sparse_index(children: &[Manifest], absent: &[&str]) -> Manifest {
    let mut entries: Vec<Value> = children.iter().map(|child| child.pushed().descriptor()).collect();
    entries.extend(absent.iter().map(|bytes| {
        json!({
            "mediaType": MANIFEST,
            "digest": digest(bytes.as_bytes()),
            "size": bytes.len(),
            "annotations": {"com.example.absent": "true"},
        })
    }));
    let content = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    Manifest::json(&content, Vec::new(), children.to_vec())
}

/// The same image with its last layer named by `url` and not pushed, as Windows base layers are.
pub fn with_foreign_layer(image: &Manifest, url: &str) -> Result<Manifest> {
    let mut changed = image.clone();
    ensure!(changed.blobs.len() > 1, "an image with a foreign layer has a layer");
    changed.blobs.pop();
    let foreign = if changed.media_type == MANIFEST { FOREIGN } else { FOREIGN_DOCKER };
    change(&mut changed, |content| {
        let layer = content["layers"].as_array_mut().and_then(|layers| layers.last_mut())?;
        layer["mediaType"] = json!(foreign);
        layer["urls"] = json!([url]);
        Some(())
    })?;
    Ok(changed)
}

/// The same image with its configuration's bytes in the manifest, besides.
pub fn with_data(image: &Manifest) -> Result<Manifest> {
    let mut changed = image.clone();
    let data = STANDARD.encode(&changed.blobs.first().context("the image has no configuration")?.bytes);
    change(&mut changed, |content| {
        content.get_mut("config")?["data"] = json!(data);
        Some(())
    })?;
    Ok(changed)
}

fn change(manifest: &mut Manifest, change: impl FnOnce(&mut Value) -> Option<()>) -> Result<()> {
    let mut content: Value = serde_json::from_slice(&manifest.bytes)?;
    change(&mut content).context("the manifest has no such part")?;
    manifest.bytes = content.to_string().into();
    Ok(())
}

/// A manifest of these blobs and with these fields besides.
fn manifest(mut content: Value, configuration: Blob, layers: Vec<Blob>) -> Manifest {
    content["schemaVersion"] = json!(2);
    content["mediaType"] = json!(MANIFEST);
    content["config"] = configuration.descriptor();
    content["layers"] = layers.iter().map(Blob::descriptor).collect();
    let blobs = [vec![configuration], layers].concat();
    Manifest::json(&content, blobs, Vec::new())
}
