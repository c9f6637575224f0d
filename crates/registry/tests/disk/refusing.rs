//! Folders and archives that somebody made to do harm, or that are none. Nothing of them goes anywhere.

use std::fs;
use std::os::unix::fs::symlink;

use rstest::rstest;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tagger_registry::{Choice, OnDisk};

use super::archives::{saved_by_docker, tar};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Blobs, by their paths.
type Blobs = Vec<(String, Vec<u8>)>;

fn put(blobs: &mut Blobs, content: &[u8]) -> Value {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    blobs.push((format!("blobs/sha256/{hex}"), content.to_vec()));
    json!({"digest": format!("sha256:{hex}"), "size": content.len()})
}

fn layout(blobs: &Blobs, manifests: Value) -> Vec<u8> {
    let index = json!({"schemaVersion": 2, "manifests": manifests}).to_string();
    let mut files: Vec<(&str, &[u8])> =
        vec![("oci-layout", b"{}".as_slice()), ("index.json", index.as_bytes())];
    files.extend(blobs.iter().map(|(name, content)| (name.as_str(), content.as_slice())));
    tar(&files, &[])
}

fn of_manifest(manifest: &Value) -> Vec<u8> {
    let mut blobs = Blobs::new();
    let root = put(&mut blobs, manifest.to_string().as_bytes());
    layout(&blobs, json!([root]))
}

fn deep(levels: usize) -> Vec<u8> {
    let mut blobs = Blobs::new();
    let mut top = put(&mut blobs, json!({"mediaType": MANIFEST, "layers": []}).to_string().as_bytes());
    for _ in 0..levels {
        top = put(&mut blobs, json!({"mediaType": INDEX, "manifests": [top]}).to_string().as_bytes());
    }
    layout(&blobs, json!([top]))
}

fn wrong_digest() -> Vec<u8> {
    let mut blobs = Blobs::new();
    let root = put(&mut blobs, json!({"mediaType": MANIFEST, "layers": []}).to_string().as_bytes());
    blobs[0].1 = json!({"mediaType": MANIFEST, "layers": [ ]}).to_string().to_uppercase().into_bytes();
    layout(&blobs, json!([root]))
}

fn huge() -> Vec<u8> {
    let mut blobs = Blobs::new();
    let root = put(&mut blobs, &vec![b' '; 4 * 1024 * 1024 + 1]);
    layout(&blobs, json!([root]))
}

fn saved(config: &str, layer: &str) -> Vec<u8> {
    let manifest = json!([{"Config": config, "RepoTags": null, "Layers": [layer]}]).to_string();
    tar(&[("manifest.json", manifest.as_bytes()), ("c.json", b"{}"), ("layer", b"x")], &[])
}

fn named(name: &str, content: &str) -> Vec<u8> {
    tar(&[("oci-layout", b"{}"), (name, content.as_bytes())], &[])
}

#[rstest]
#[case::deep(deep(9), "more than 8 indexes within one another")]
#[case::wrong_digest(wrong_digest(), "what should be sha256:")]
#[case::huge_manifest(huge(), "has more than 4194304 bytes")]
#[case::path_for_a_digest(layout(&Vec::new(), json!([{"digest": "sha256:../../x", "size": 1}])), "index.json is not valid")]
#[case::path_in_a_manifest(of_manifest(&json!({"mediaType": MANIFEST, "layers": [{"digest": "sha256:../../x", "size": 1}]})), "no valid digest and size")]
#[case::both(of_manifest(&json!({"mediaType": INDEX, "layers": [], "manifests": []})), "both `manifests` and `layers`")]
#[case::no_index(named("x", ""), "names index.json, which is not there")]
#[case::empty_index(named("index.json", r#"{"manifests":[]}"#), "it names no image")]
#[case::no_json(named("index.json", "\u{1b}[31m"), "index.json is not valid")]
#[case::config_outside(saved("../../etc/passwd", "layer"), "../../etc/passwd, which is not there")]
#[case::config_absolute(saved("/etc/passwd", "layer"), "/etc/passwd, which is not there")]
#[case::layer_missing(saved("c.json", "nothing"), "nothing, which is not there")]
#[case::no_layers_in_config(saved("c.json", "layer"), "it has 0 layers, and manifest.json has 1")]
#[case::a_link_to_nothing(saved_by_docker(&[b"x"], &["two/layer.tar", "three"]), "three, which is not there")]
#[case::gzip(vec![0x1f, 0x8b, 8, 0, 0], "is compressed; unpack it first, by gunzip")]
#[case::zstd(vec![0x28, 0xb5, 0x2f, 0xfd, 0], "by unzstd")]
#[case::text(b"hello, this is no archive".repeat(50), "is no image: a folder or tar file of OCI")]
#[case::short_text(b"notes".to_vec(), "is no image: ")]
#[case::empty(Vec::new(), "is no image: ")]
#[case::another_archive(tar(&[("notes", b"x")], &[]), "is no image: ")]
#[tokio::test]
async fn an_archive_that_can_not_be_believed_is_refused(#[case] archive: Vec<u8>, #[case] told: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.tar");
    fs::write(&path, archive).unwrap();
    let error = OnDisk::open(&path, &Choice::default()).await.unwrap_err().to_string();
    assert!(error.starts_with(&path.display().to_string()) && error.contains(told), "{error}");
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[tokio::test]
async fn indexes_within_one_another_are_read_as_deep_as_they_go_in_earnest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.tar");
    fs::write(&path, deep(8)).unwrap();
    OnDisk::open(&path, &Choice::default()).await.unwrap();
}

#[tokio::test]
async fn an_archive_that_says_to_be_larger_than_it_is_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.tar");
    let mut archive = tar(&[("oci-layout", b"{}")], &[]);
    let mut header = tar::Header::new_gnu();
    header.set_path("index.json").unwrap();
    header.set_size(1 << 50);
    header.set_cksum();
    archive.splice(1024.., header.as_bytes().iter().copied());
    fs::write(&path, archive).unwrap();
    let error = OnDisk::open(&path, &Choice::default()).await.unwrap_err().to_string();
    assert!(error.ends_with("the archive is cut short"), "{error}");
}

#[tokio::test]
async fn links_in_a_folder_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("secret"), "{}").unwrap();
    fs::create_dir(at("app")).unwrap();
    fs::write(at("app/oci-layout"), "{}").unwrap();
    symlink(at("secret"), at("app/index.json")).unwrap();
    let error = OnDisk::open(&at("app"), &Choice::default()).await.unwrap_err().to_string();
    assert!(error.contains("index.json can't be read: it is a link or a folder"), "{error}");
    let error = OnDisk::open(&at("nothing"), &Choice::default()).await.unwrap_err().to_string();
    assert!(error.contains("nothing can't be read"), "{error}");
}
