//! Manifests that are too large, too deep, too many or not right.

use rstest::rstest;
use serde_json::{Value, json};
use tagger_testkit::image::Image;
use tagger_testkit::manifest::{Blob, Manifest};
use tagger_testkit::proxy::{Fault, Kind, Match};
use tagger_testkit::registry::RegistryOptions;
use tokio::net::TcpListener;

use super::ends::*;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

#[tokio::test]
async fn a_manifest_of_five_mebibytes_is_refused_and_so_is_one_that_never_ends() {
    let ends = Ends::start().await;
    let by_digest = || Match::manifest().method("GET").path("sha256:");
    ends.source.fault(by_digest().times(1), Fault::forward().replaced(vec![b' '; 5 << 20]));
    ends.fails_at_the_source("ManifestTooLarge").await;
    ends.source.fault(by_digest(), Fault::endless(IMAGE));
    ends.fails_at_the_source("ManifestTooLarge").await;
    assert!(ends.source.bytes_sent("GET", Kind::Manifest) < 32 << 20);
    assert_eq!(ends.uploaded(), 0);
    ends.heals().await;
}

#[rstest]
#[case::no_digest(json!({"digest": "sha256:../../x", "size": 1}))]
#[case::a_path(json!({"digest": "../../v2/other/blobs/x", "size": 1}))]
#[case::negative(json!({"digest": format!("sha256:{:064}", 0), "size": -1}))]
#[case::no_size(json!({"digest": format!("sha256:{:064}", 0)}))]
#[case::words(json!({"digest": format!("sha256:{:064}", 0), "size": "large"}))]
#[tokio::test]
async fn a_part_that_is_not_named_by_digest_and_size_is_refused(
    #[case] part: Value,
    #[values("layers", "manifests")] field: &str,
) {
    let media_type = if field == "layers" { IMAGE } else { "application/vnd.oci.image.index.v1+json" };
    let ends = Ends::of(of_json(&json!({"schemaVersion": 2, "mediaType": media_type, field: [part]}))).await;
    let error = ends.fails_at_the_source("ManifestInvalid").await;
    assert!(error.to_string().contains("a part that has no valid digest and size"), "{error}");
    assert_eq!(ends.source.count("GET", Kind::Blob) + ends.source.count("HEAD", Kind::Blob), 0);
    assert!(ends.source.requests().iter().all(|request| !request.path.contains("..")));
}

#[tokio::test]
async fn an_index_that_is_an_image_as_well_is_refused() {
    let ends = Ends::of(of_json(&json!({"mediaType": IMAGE, "layers": [], "manifests": []}))).await;
    let error = ends.fails_at_the_source("ManifestInvalid").await;
    assert!(error.to_string().contains("both `manifests` and `layers`"), "{error}");
}

#[tokio::test]
async fn indexes_are_followed_eight_deep_and_no_deeper() {
    let nested = |depth| (0..depth).fold(Image::single(3).build().unwrap(), |image, _| index_of(vec![image]));
    Ends::of(nested(8)).await.heals().await;
    let ends = Ends::of(nested(9)).await;
    let error = ends.fails_at_the_source("TooMuch").await;
    assert!(error.to_string().contains("more than 8 indexes within one another"), "{error}");
}

#[tokio::test]
async fn an_index_of_more_than_ten_thousand_children_is_refused_before_any_is_read() {
    let child = |n: usize| json!({"digest": format!("sha256:{n:064x}"), "size": 1});
    let entries: Vec<Value> = (0..10_001).map(child).collect();
    let index = json!({"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries});
    let ends = Ends::of(of_json(&index)).await;
    ends.fails_at_the_source("ManifestInvalid").await;
    assert_eq!(ends.source.count("GET", Kind::Manifest), 1);
}

#[tokio::test]
async fn many_manifests_in_many_indexes_are_too_many_together() {
    let child = |n: usize| json!({"digest": format!("sha256:{n:064x}"), "size": 1});
    let index = |children: Vec<Value>| json!({"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": children});
    let inner: Vec<Manifest> =
        (0..2).map(|n| of_json(&index((n * 6000..(n + 1) * 6000).map(child).collect()))).collect();
    let ends = Ends::of(index_of(inner)).await;
    let error = ends.copy().await.unwrap_err();
    assert!(["TooMuch", "PartMissing"].contains(&error.reason()), "{error}");
    assert!(ends.source.requests().len() < 100);
    ends.assert_nothing_is_published().await;
}

#[tokio::test]
async fn a_child_that_is_missing_is_told_by_its_digest_and_its_brothers_wait_for_it() {
    let index = Image::index(4, &["linux/amd64", "linux/arm64"]).build().unwrap();
    let missing = index.children[1].digest();
    let ends = Ends::of(index).await;
    ends.source.fault(Match::manifest().path(&missing), Fault::oci_error(404, "MANIFEST_UNKNOWN"));
    let error = ends.fails_at_the_source("PartMissing").await;
    assert!(error.to_string().contains(&format!("names {missing}, which")), "{error}");
    ends.heals().await;
}

#[tokio::test]
async fn a_child_that_many_indexes_name_is_read_once() {
    let child = Image::single(5).build().unwrap();
    let variant = |n: u64, of: Vec<Manifest>| {
        let mut index = index_of(of);
        let mut content: Value = serde_json::from_slice(&index.bytes).unwrap();
        content["annotations"] = json!({"n": n.to_string()});
        index.bytes = content.to_string().into();
        index
    };
    // Five storeys of two indexes, each of which names both below: 32 ways lead to the child.
    let mut storey = vec![child.clone()];
    for _ in 0..5 {
        storey = vec![variant(1, storey.clone()), variant(2, storey)];
    }
    let ends = Ends::of(index_of(storey)).await;
    ends.heals().await;
    let digest = child.digest();
    let reads = ends.source.requests().into_iter().filter(|request| request.path.ends_with(&digest));
    assert_eq!(reads.count(), 1);
    assert_eq!(ends.source.count("GET", Kind::Manifest), 12);
}

/// An image with a layer that is said to be at this address.
fn with_foreign(url: &str) -> Manifest {
    let mut image = image();
    let mut content: Value = serde_json::from_slice(&image.bytes).unwrap();
    content["layers"][0]["urls"] = json!([url]);
    image.bytes = content.to_string().into();
    image
}

#[rstest]
#[case::where_the_source_has_it(true)]
#[case::where_the_source_has_it_not(false)]
#[tokio::test]
async fn a_foreign_layer_is_copied_where_it_is_there_and_never_looked_for_elsewhere(#[case] there: bool) {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/layer", elsewhere.local_addr().unwrap());
    let ends = Ends::with(with_foreign(&url), RegistryOptions::default().foreign_layers()).await;
    let layer: Value = serde_json::from_slice(&ends.image.bytes).unwrap();
    let layer = layer["layers"][0]["digest"].as_str().unwrap().to_owned();
    if !there {
        ends.source.fault(Match::blob().path(&layer), Fault::oci_error(404, "BLOB_UNKNOWN"));
    }
    let copied = ends.copy().await.unwrap();
    assert_eq!(copied.digest.as_str(), ends.image.digest());
    assert_eq!(copied.sent.blobs, if there { 3 } else { 2 });
    assert_eq!(ends.registry.target().has_blob(INTO, &layer).await.unwrap(), there);
    let nobody_came = tokio::time::timeout(std::time::Duration::from_millis(50), elsewhere.accept());
    assert!(nobody_came.await.is_err());
}

#[rstest]
#[case::tag(Fault::forward().header("Docker-Content-Digest", &format!("sha256:{:064}", 0)), "Moved")]
#[case::no_digest(Fault::forward().header("Docker-Content-Digest", "sha256:../../x"), "DigestInvalid")]
#[tokio::test]
async fn a_head_that_is_unlike_the_get_gets_nothing(#[case] fault: Fault, #[case] reason: &str) {
    let ends = Ends::start().await;
    ends.source.fault(Match::manifest().method("HEAD"), fault);
    ends.fails_at_the_source(reason).await;
    ends.heals().await;
}

#[tokio::test]
async fn a_tag_without_a_digest_header_is_read_and_hashed() {
    let ends = Ends::start().await;
    ends.source.fault(Match::manifest(), Fault::forward().without_header("Docker-Content-Digest"));
    ends.copy().await.unwrap();
    ends.assert_published().await;
}

#[tokio::test]
async fn a_manifest_of_other_bytes_is_not_taken() {
    let ends = Ends::start().await;
    let other = Image::single(9).build().unwrap();
    ends.source.fault(Match::manifest().method("GET"), Fault::forward().replaced(other.bytes));
    let error = ends.fails_at_the_source("DigestMismatch").await;
    assert!(error.to_string().contains(&format!("where {} was asked for", ends.image.digest())), "{error}");
    ends.heals().await;
}

#[tokio::test]
async fn a_tag_that_moves_while_it_is_read_is_told_as_moved_and_one_that_is_gone_as_gone() {
    let ends = Ends::start().await;
    let gone = || Fault::oci_error(404, "MANIFEST_UNKNOWN");
    ends.source.fault(Match::manifest().method("GET"), gone());
    let error = ends.fails_at_the_source("Moved").await;
    assert!(error.to_string().contains(&format!("pointed at {}", ends.image.digest())), "{error}");
    ends.source.heal();
    ends.source.fault(Match::manifest(), gone());
    ends.fails_at_the_source("NotFound").await;

    // And what is published stays, whatever becomes of the tag.
    ends.heals().await;
    ends.source.fault(Match::manifest(), gone());
    ends.copy().await.unwrap_err();
    ends.assert_published().await;
}

#[tokio::test]
async fn a_web_page_is_no_manifest() {
    let ends = Ends::start().await;
    ends.source.fault(Match::manifest().method("GET"), Fault::status(200).html());
    let error = ends.copy().await.unwrap_err();
    assert!(["DigestMismatch", "ManifestInvalid"].contains(&error.reason()), "{error}");
    ends.heals().await;
}

#[tokio::test]
async fn a_blob_that_two_layers_name_travels_once() {
    let blob = Blob::new("a/layer", "the same");
    let ends = Ends::of(of_blobs(vec![Blob::new("a/config", "{}"), blob.clone(), blob])).await;
    assert_eq!(ends.heals().await.sent.blobs, 2);
}
