//! skopeo reads what we wrote, and we read what it wrote.

use std::path::Path;

use rstest::rstest;
use serde_json::Value;
use tagger_registry::{Layout, SaveOptions};
use tagger_testkit::image::Image;
use tagger_testkit::skopeo::Skopeo;

use super::ground::*;

async fn run(skopeo: &Skopeo, arguments: &[&str]) -> Vec<u8> {
    let output = tokio::process::Command::from(skopeo.command(arguments)).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What skopeo calls a file or folder.
fn place(transport: &str, path: &Path) -> String {
    format!("{transport}:{}", path.display())
}

#[rstest]
#[case(Layout::OciDir, "oci")]
#[case(Layout::OciArchive, "oci-archive")]
#[tokio::test]
async fn skopeo_reads_what_we_wrote(#[case] layout: Layout, #[case] transport: &str) {
    let ground = Ground::start().await;
    let image = ground.fill(&index(), "company/app:v1").await;
    let path = ground.at("app");
    ground.save("company/app:v1", &path, layout).await.unwrap();
    let skopeo = Skopeo::obtain().await.unwrap();
    let named = format!("{}:v1", place(transport, &path));
    assert_eq!(run(&skopeo, &["inspect", "--raw", &named]).await, image.bytes);
    // Each layer is read and hashed on this way.
    let copy = place("dir", &ground.at("copy"));
    run(&skopeo, &["copy", "--quiet", "--all", "--preserve-digests", &named, &copy]).await;
    assert_eq!(std::fs::read(ground.at("copy/manifest.json")).unwrap(), image.bytes);
}

#[tokio::test]
async fn skopeo_reads_what_we_wrote_for_docker_in_both_of_its_ways() {
    let ground = Ground::start().await;
    let image = ground.fill(&index(), "company/app:v1").await;
    let path = ground.at("app.tar");
    let platform = Some("linux/arm/v7".parse().unwrap());
    let options = SaveOptions { layout: Layout::DockerArchive, platform, ..SaveOptions::default() };
    ground.save_with("company/app:v1", &path, options).await.unwrap();
    let skopeo = Skopeo::obtain().await.unwrap();
    let inspected = run(&skopeo, &["inspect", "--config", "--raw", &place("docker-archive", &path)]).await;
    assert_eq!(inspected, image.children[1].blobs[0].bytes);
    let name = ground.named("company/app:v1");
    let named = format!("{}:{name}", place("docker-archive", &path));
    // Each layer is unpacked and compared with the configuration on this way.
    run(&skopeo, &["copy", "--quiet", &named, &place("dir", &ground.at("copy"))]).await;
    let as_oci = format!("{}:v1", place("oci-archive", &path));
    assert_eq!(run(&skopeo, &["inspect", "--raw", &as_oci]).await, image.children[1].bytes);
}

#[rstest]
#[case("oci", "app:v1")]
#[case("oci", "app")]
#[case("oci-archive", "app.tar:v1")]
#[tokio::test]
async fn we_read_what_skopeo_wrote_with_the_same_digest(#[case] transport: &str, #[case] name: &str) {
    let ground = Ground::start().await;
    let image = ground.fill(&index(), "company/app:v1").await;
    let skopeo = Skopeo::obtain().await.unwrap();
    let source = format!("docker://{}/company/app:v1", ground.registry.address());
    let written = place(transport, &ground.at(name));
    let flags = ["copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false"];
    run(&skopeo, &[&flags[..], &[&source, &written]].concat()).await;
    let path = ground.at(name.split(':').next().unwrap());
    let pushed = ground.push(&path, "other/app:v1").await.unwrap();
    assert_eq!(pushed.digest.as_str(), image.digest());
    assert!(ground.has(&image, "other/app:v1").await);
}

#[tokio::test]
async fn we_read_what_skopeo_wrote_for_docker() {
    let ground = Ground::start().await;
    let image = ground.fill(&Image::single(1), "company/app:v1").await;
    let skopeo = Skopeo::obtain().await.unwrap();
    let source = format!("docker://{}/company/app:v1", ground.registry.address());
    let path = ground.at("app.tar");
    let written = format!("{}:example.com/app:v1", place("docker-archive", &path));
    run(&skopeo, &["copy", "--quiet", "--src-tls-verify=false", &source, &written]).await;
    let pushed = ground.push(&path, "other/app:v1").await.unwrap();
    let there = ground.registry.target().manifest("other/app", "v1").await.unwrap().unwrap();
    let manifest: Value = serde_json::from_slice(&there.1).unwrap();
    // The configuration is the same; the layers are those before compression.
    assert_eq!(manifest["config"]["digest"], image.blobs[0].digest);
    let config: Value = serde_json::from_slice(&image.blobs[0].bytes).unwrap();
    let layers: Vec<&Value> =
        manifest["layers"].as_array().unwrap().iter().map(|layer| &layer["digest"]).collect();
    assert_eq!(layers, config["rootfs"]["diff_ids"].as_array().unwrap().iter().collect::<Vec<_>>());
    assert_eq!(
        skopeo.pull(&format!("{}/other/app:v1", ground.registry.address())).await.unwrap(),
        pushed.digest.as_str()
    );
}
