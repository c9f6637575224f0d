use rstest::rstest;
use serde_json::json;
use sha2::Digest as _;
use tagger_registry::{Anonymous, Client, CopyOptions, Destination, Settings};
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Blob, Manifest};
use tagger_testkit::sink::Sink;
use tagger_testkit::source::Source;

use super::support::*;

fn platforms(seed: u64) -> Image {
    Image::index(seed, &["linux/amd64", "linux/arm64", "linux/arm/v7"])
}

fn of_several_platforms() -> Manifest {
    platforms(1).build().unwrap()
}

fn of_docker() -> Manifest {
    platforms(2).docker().build().unwrap()
}

fn single() -> Manifest {
    Image::single(3).build().unwrap()
}

fn single_of_docker() -> Manifest {
    Image::single(4).docker().build().unwrap()
}

/// One image is in both of the inner indexes.
fn indexes_within_one_another() -> Manifest {
    let inner = index(vec![platforms(5).build().unwrap(), single()]);
    index(vec![inner, index(vec![single()])])
}

fn helm_chart() -> Manifest {
    let configuration =
        Blob::new("application/vnd.cncf.helm.config.v1+json", r#"{"name":"mychart","version":"0.1.0"}"#);
    let chart = Blob::new("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "no real archive");
    let content = json!({
        "schemaVersion": 2,
        "config": configuration.descriptor(),
        "layers": [chart.descriptor()],
        "annotations": {"org.opencontainers.image.title": "mychart"},
    });
    manifest(&content, vec![configuration, chart], Vec::new())
}

fn artifact() -> Manifest {
    let empty = Blob::new("application/vnd.oci.empty.v1+json", "{}");
    let mut configuration = empty.descriptor();
    configuration["data"] = json!("e30=");
    let content = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.example.thing",
        "config": configuration,
        "layers": [empty.descriptor()],
    });
    manifest(&content, vec![empty], Vec::new())
}

/// The empty layer twice, and one with no bytes at all.
fn odd_layers() -> Manifest {
    let configuration = Blob::new("application/vnd.oci.image.config.v1+json", "{}");
    let [once, nothing] = ["bytes", ""].map(|bytes| Blob::new("application/octet-stream", bytes));
    let content = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": configuration.descriptor(),
        "layers": [once.descriptor(), nothing.descriptor(), once.descriptor()],
    });
    manifest(&content, vec![configuration, once, nothing], Vec::new())
}

/// A layer whose digest is a sha512.
fn layer_by_sha512() -> Manifest {
    let configuration = Blob::new("application/vnd.oci.image.config.v1+json", "{}");
    let mut layer = Blob::new("application/octet-stream", "hashed more than is usual");
    let hash = sha2::Sha512::digest(&layer.bytes);
    layer.digest = format!("sha512:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let content = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": configuration.descriptor(),
        "layers": [layer.descriptor()],
    });
    manifest(&content, vec![configuration, layer], Vec::new())
}

#[rstest]
#[case::an_index_of_several_platforms(of_several_platforms())]
#[case::indexes_within_one_another(indexes_within_one_another())]
#[case::a_list_of_docker(of_docker())]
#[case::a_single_image(single())]
#[case::a_single_image_of_docker(single_of_docker())]
#[case::a_helm_chart_with_no_media_type_of_its_own(helm_chart())]
#[case::an_artifact_with_an_empty_configuration(artifact())]
#[case::a_layer_twice_and_one_of_no_bytes(odd_layers())]
#[case::a_layer_by_sha512(layer_by_sha512())]
#[case::an_index_of_nothing(index(Vec::new()))]
#[tokio::test]
async fn whatever_it_is_it_arrives_whole_and_as_it_was(#[case] image: Manifest) {
    let world = World::start().await;
    let pushed = image.push(&world.source, "company/app", "v1").await.unwrap();
    let copied = world.copy("company/app:v1", &world.to("cache/app", &["g1"])).await.unwrap();

    assert_eq!(copied.digest.as_str(), pushed.digest);
    assert_eq!((copied.media_type.as_str(), copied.size), (&*pushed.media_type, pushed.bytes.len() as u64));
    world.assert_has(&image, "cache/app", "g1").await;

    let blobs = blobs_of(&image);
    assert_eq!(copied.sent.blobs, blobs.len() as u64);
    for digest in blobs {
        let fetched = lines(&world.out).iter().filter(|line| line.contains(&digest)).count();
        // What has no bytes need not be read at all.
        assert!(fetched <= 1, "{digest} was read more than once: {:#?}", lines(&world.out));
    }
}

#[tokio::test]
async fn what_is_named_by_digest_is_copied_without_asking_for_a_tag() {
    let world = World::start().await;
    let image = world.push(&platforms(1), "company/app", "v1").await;
    let name = format!("company/app@{}", image.digest());
    let copied = world.copy(&name, &world.to("cache/app", &[])).await.unwrap();
    assert_eq!(copied.digest.as_str(), image.digest());
    world.assert_has(&image, "cache/app", "").await;
    assert_eq!(world.destination.target().tags("cache/app").await.unwrap(), [""; 0]);
    assert!(lines(&world.out).iter().all(|line| line.starts_with("GET ") && line.contains("sha256:")));
}

/// CNCF distribution takes no such manifest, so that this goes to a registry that takes everything.
#[rstest]
#[case::json("application/vnd.example.thing.v1+json", json!({"mediaType": "application/vnd.example.thing.v1+json", "why": "not"}).to_string())]
#[case::not_even_json("application/vnd.example.thing", "\u{0}no JSON at all".into())]
#[tokio::test]
async fn a_manifest_of_an_unknown_kind_is_passed_on(#[case] media_type: &str, #[case] bytes: String) {
    let thing = Manifest::raw(media_type, bytes);
    let (repository, tag) = ("company/thing".to_owned(), "v1".to_owned());
    let (source, sink) =
        (Source::start(&[(thing.clone(), repository, tag)]).await.unwrap(), Sink::start().await.unwrap());
    let hosts = [source.address(), sink.address()];
    let settings =
        Settings { insecure: hosts.iter().map(|host| host.parse().unwrap()).collect(), ..Default::default() };
    let client = Client::new(settings, Anonymous).unwrap();
    let to = Destination {
        registry: hosts[1].parse().unwrap(),
        repository: "cache/thing".parse().unwrap(),
        tags: vec!["g1".parse().unwrap()],
    };
    let from = format!("{}/company/thing:v1", hosts[0]).parse().unwrap();
    let copied = client.copy(&from, &client, &to, &CopyOptions::default()).await.unwrap();
    assert_eq!((copied.digest.as_str(), copied.media_type.as_str()), (&*thing.digest(), media_type));
    let there = sink.target().unwrap().manifest("cache/thing", "g1").await.unwrap();
    assert_eq!(there, Some((thing.media_type, thing.bytes)));
}
