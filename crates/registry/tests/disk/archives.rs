//! Archives as `docker save` made them before it knew image layouts.

use std::fs;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tagger_registry::{Choice, OnDisk};
use tagger_testkit::image::Image;

use super::ground::*;

/// Writes an archive of these files, and links where there is a target.
pub fn tar(files: &[(&str, &[u8])], links: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    for (name, target) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, name, target).unwrap();
    }
    archive.into_inner().unwrap()
}

fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

pub fn saved_by_docker(layers: &[&[u8]], listed: &[&str]) -> Vec<u8> {
    let ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let config =
        json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ids}});
    let manifest = json!([{"Config": "c.json", "RepoTags": ["app:v1"], "Layers": listed}]);
    let (config, manifest) = (config.to_string(), manifest.to_string());
    tar(
        &[
            ("one/layer.tar", layers[0]),
            ("c.json", config.as_bytes()),
            ("repositories", b"{}"),
            ("manifest.json", manifest.as_bytes()),
        ],
        &[("two/layer.tar", "../one/layer.tar")],
    )
}

#[tokio::test]
async fn layers_stay_as_they_are_and_one_that_is_linked_is_sent_once() {
    let ground = Ground::start().await;
    let layer = vec![7; 100_000];
    let path = ground.at("app.tar");
    fs::write(&path, saved_by_docker(&[&layer, &layer], &["one/layer.tar", "two/layer.tar"])).unwrap();
    let pushed = ground.push(&path, "company/app:v1").await.unwrap();
    assert_eq!(pushed.media_type, "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(pushed.sent.blobs, 2);
    let there = ground.registry.target().manifest("company/app", "v1").await.unwrap().unwrap().1;
    let manifest: Value = serde_json::from_slice(&there).unwrap();
    let expected = json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": digest(&layer),
        "size": layer.len(),
    });
    assert_eq!(manifest["layers"], json!([expected, expected]));
    // It is the same whenever it is made, and comes back from disk as it is.
    let again = OnDisk::open(&path, &Choice::default()).await.unwrap();
    assert_eq!(again.digest(), &pushed.digest);
    let saved =
        ground.save("company/app:v1", &ground.at("again"), tagger_registry::Layout::DockerArchive).await;
    assert_eq!(saved.unwrap().digest, pushed.digest);
    assert_eq!(ground.push(&ground.at("again"), "other/app:v1").await.unwrap().digest, pushed.digest);
}

#[tokio::test]
async fn layers_that_are_compressed_are_known_as_such() {
    let ground = Ground::start().await;
    let image = Image::single(1).build().unwrap();
    let config = &image.blobs[0].bytes;
    let manifest = json!([{"Config": "c.json", "RepoTags": null, "Layers": ["a", "b"]}]).to_string();
    let path = ground.at("app.tar");
    let archive = tar(
        &[
            ("./manifest.json", manifest.as_bytes()),
            ("c.json", config),
            ("a", &image.blobs[1].bytes),
            ("b", &image.blobs[2].bytes),
        ],
        &[],
    );
    fs::write(&path, archive).unwrap();
    let pushed = ground.push(&path, "company/app:v1").await.unwrap();
    let there =
        ground.registry.target().manifest("company/app", pushed.digest.as_str()).await.unwrap().unwrap();
    let manifest: Value = serde_json::from_slice(&there.1).unwrap();
    assert_eq!(manifest["layers"][0]["digest"], image.blobs[1].digest);
    assert_eq!(manifest["layers"][1]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
}

#[tokio::test]
async fn a_layer_that_is_not_the_configurations_is_refused() {
    let ground = Ground::start().await;
    let path = ground.at("app.tar");
    fs::write(&path, saved_by_docker(&[b"mine", b"another"], &["one/layer.tar", "two/layer.tar"])).unwrap();
    let error = ground.push(&path, "company/app:v1").await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("what should be {} is {}", digest(b"another"), digest(b"mine"))),
        "{error}"
    );
    fs::write(&path, saved_by_docker(&[b"mine"], &["one/layer.tar", "one/layer.tar"])).unwrap();
    let error = ground.push(&path, "company/app:v1").await.unwrap_err().to_string();
    assert!(error.contains("it has 1 layers, and manifest.json has 2"), "{error}");
    assert_eq!(ground.proxy.requests().len(), 0);
}
