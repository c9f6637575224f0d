//! What `kubectl tag generate` prints is taken by a cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test: what goes wrong ends it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};

/// A copy of the shop, with CronJobs as this cluster knows them.
fn shop(folder: &Path, minor: u32) -> PathBuf {
    let shop = folder.join("shop");
    std::fs::create_dir(&shop).unwrap();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/generate/shop")).unwrap();
    for file in files.map(|file| file.unwrap()) {
        let mut text = std::fs::read_to_string(file.path()).unwrap();
        if minor < 21 && file.file_name() == "30-cronjobs.yaml" {
            text = text.replace("batch/v1", "batch/v1beta1");
        }
        std::fs::write(shop.join(file.file_name()), text).unwrap();
    }
    shop
}

#[tokio::test]
async fn the_shop_applies_as_it_is_and_with_its_tags() {
    let assets = Assets::obtain().await.unwrap();
    let control_plane = ControlPlane::start(&assets, &ControlPlaneOptions::default()).await.unwrap();
    let kubectl = control_plane.kubectl();
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path(), control_plane.version().minor);
    let definition = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/00_crd.yaml");
    let kinds = shop.join("00-kinds.yaml");
    // Old clusters do not know all that it says.
    kubectl.run(&["apply", "--validate=false", "-f", definition]).await.unwrap();
    kubectl.run(&["apply", "-f", kinds.to_str().unwrap()]).await.unwrap();
    kubectl.run(&["wait", "--for=condition=Established", "crd", "--all"]).await.unwrap();
    kubectl.run(&["apply", "-f", shop.to_str().unwrap()]).await.unwrap();

    let made = Command::new(env!("CARGO_BIN_EXE_kubectl-tag"))
        .args(["generate", "--rewrite", "-f"])
        .arg(&shop)
        .env("KUBECONFIG", "/nowhere")
        .output()
        .unwrap();
    let yaml = String::from_utf8(made.stdout).unwrap();
    // A bare Pod's image may be changed, a Job's may not: it is made anew.
    kubectl.run(&["delete", "job", "import-catalogue", "-n", "shop"]).await.unwrap();
    let told = kubectl.apply(&yaml).await.unwrap();
    assert_eq!(told.lines().filter(|line| line.starts_with("tag.images.io/")).count(), 26, "{told}");
    let image = ["get", "statefulset", "orders-db", "-n", "shop", "-o", "jsonpath={..containers[*].image}"];
    assert_eq!(kubectl.run(&image).await.unwrap(), "postgres postgres-exporter");
}
