//! Manifests of every shape are taken by a registry as they should be.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::HashSet;

use tagger_testkit::artifact::{artifact, chart, index, sparse_index, with_data, with_foreign_layer};
use tagger_testkit::assets::Assets;
use tagger_testkit::attachment::{attestation, bill_of_materials};
use tagger_testkit::image::Image;
use tagger_testkit::manifest::Manifest;
use tagger_testkit::registry::{Registry, RegistryOptions};

async fn start(options: RegistryOptions) -> Registry {
    Registry::start(&Assets::obtain().await.unwrap(), &options).await.unwrap()
}

fn blobs(image: &Manifest) -> HashSet<String> {
    image.blobs.iter().map(|blob| blob.digest.clone()).collect()
}

#[tokio::test]
async fn charts_artifacts_nested_indexes_and_data_are_taken() {
    let registry = start(RegistryOptions::default()).await;
    let image = Image::index(1, &["linux/amd64", "windows/amd64"]).build().unwrap();
    for (tag, manifest) in [
        ("chart", chart("myapp")),
        ("artifact", artifact("application/wasm", "a module")),
        ("nested", index(&[image.clone(), index(&[Image::single(2).build().unwrap(), chart("other")])])),
        ("data", with_data(&Image::single(1).build().unwrap()).unwrap()),
    ] {
        let pushed = manifest.push(&registry, "company/myapp", tag).await.unwrap();
        let (_, bytes) = registry.target().manifest("company/myapp", tag).await.unwrap().unwrap();
        assert_eq!(bytes, pushed.bytes, "{tag}");
    }
    let subject = image.push(&registry, "company/myapp", "v1").await.unwrap();
    for (manifest, tag) in [attestation(&subject), bill_of_materials(&subject)] {
        assert!(tag.starts_with("sha256-"), "{tag}");
        manifest.push(&registry, "company/myapp", &tag).await.unwrap();
    }
    assert!(sparse_index(&[image], &["absent"]).push(&registry, "company/myapp", "sparse").await.is_err());
}

#[tokio::test]
async fn a_foreign_layer_is_taken_only_where_it_is_allowed() {
    let strict = start(RegistryOptions::default()).await;
    let lenient = start(RegistryOptions::default().foreign_layers()).await;
    for image in [Image::single(1), Image::single(1).docker()] {
        let foreign = with_foreign_layer(&image.build().unwrap(), "http://127.0.0.1:1/layer").unwrap();
        assert!(foreign.push(&strict, "app", "v1").await.is_err(), "{}", foreign.media_type);
        foreign.push(&lenient, "app", "v1").await.unwrap();
    }
}

#[test]
fn one_layer_of_ten_is_changed_and_nothing_else_is_new() {
    let build = |seed: u64| {
        let image = Image::single(seed).layers_of(0).layers(10, 100).own_layers(1);
        image.build().unwrap()
    };
    let (one, other) = (build(1), build(2));
    assert_eq!(blobs(&one).intersection(&blobs(&other)).count(), 9);
    assert_eq!(blobs(&one).len(), 11);
}
