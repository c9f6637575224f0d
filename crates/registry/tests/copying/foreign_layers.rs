use serde_json::{Value, json};
use tagger_registry::Limits;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Blob, Manifest};
use tagger_testkit::registry::RegistryOptions;

use super::support::*;

/// An image with a layer of Windows' kind, and that layer.
fn with_a_layer_that_is_elsewhere() -> (Manifest, Blob) {
    let mut image = Image::single(3).build().unwrap();
    let layer = Blob::new("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "no real layer");
    let mut content: Value = serde_json::from_slice(&image.bytes).unwrap();
    let mut descriptor = layer.descriptor();
    descriptor["urls"] = json!(["https://windows.example/layer"]);
    content["layers"].as_array_mut().unwrap().push(descriptor);
    image.bytes = content.to_string().into();
    (image, layer)
}

#[tokio::test]
async fn a_layer_that_is_said_to_be_elsewhere_may_be_missing() {
    let world = World::of(RegistryOptions::default().foreign_layers(), Limits::default()).await;
    let (image, layer) = with_a_layer_that_is_elsewhere();
    image.push(&world.source, "company/app", "v1").await.unwrap();
    let (from, to, sums) = (world.from("company/app:v1"), world.to("cache/app", &["g1"]), Sums::default());
    let copied = world.client.copy(&from, &world.client, &to, &sums.options()).await.unwrap();

    world.assert_has(&image, "cache/app", "g1").await;
    assert!(!world.destination.target().has_blob("cache/app", &layer.digest).await.unwrap());
    assert_eq!(copied.sent.bytes, size_of(&image));
    let spared = layer.bytes.len() as u64;
    assert_eq!(sums.take(), (size_of(&image) + spared, size_of(&image), spared));
}

#[tokio::test]
async fn a_layer_that_is_said_to_be_elsewhere_is_copied_where_it_is_there() {
    let world = World::of(RegistryOptions::default().foreign_layers(), Limits::default()).await;
    let (mut image, layer) = with_a_layer_that_is_elsewhere();
    image.blobs.push(layer);
    image.push(&world.source, "company/app", "v1").await.unwrap();
    world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();
    world.assert_has(&image, "cache/app", "g1").await;
}

#[tokio::test]
async fn a_layer_that_the_source_has_lost_is_named() {
    let world = World::start().await;
    let image = world.push(&Image::single(1), "company/app", "v1").await;
    world.source.lose_blob(&image.blobs[1].digest).unwrap();
    let error = world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap_err();
    assert_eq!(error.reason(), "PartMissing");
    assert!(error.to_string().contains(&image.blobs[1].digest), "{error}");
    assert_eq!(world.destination.target().tags("cache/app").await.unwrap(), [""; 0]);
}
