//! What is attached to images, at either end.

use serde_json::Value;
use tagger_testkit::attachment::{fallback_tag, referrers_index};
use tagger_testkit::manifest::Manifest;
use tagger_testkit::registry::Registry;

use super::OCI_INDEX;

pub const SBOM: &str = "application/vnd.example.sbom";

/// The entries of the list that stands under a subject's fallback tag, in order of their digests.
pub async fn listed(registry: &Registry, repository: &str, subject: &Manifest) -> Vec<Value> {
    let tag = fallback_tag(&subject.digest());
    let Some((media_type, list)) = registry.target().manifest(repository, &tag).await.unwrap() else {
        return Vec::new();
    };
    assert_eq!(media_type, OCI_INDEX);
    let list: Value = serde_json::from_slice(&list).unwrap();
    let mut entries = list["manifests"].as_array().unwrap().clone();
    entries.sort_by_key(|entry| entry["digest"].to_string());
    entries
}

pub fn digests(manifests: &[&Manifest]) -> Vec<String> {
    let mut digests: Vec<String> = manifests.iter().map(|manifest| manifest.digest()).collect();
    digests.sort();
    digests
}

pub fn digests_in(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

/// Puts attachments into the source as a client does that finds no referrers API there.
pub async fn attach_by_tag(
    registry: &Registry,
    repository: &str,
    subject: &Manifest,
    attached: &[&Manifest],
) {
    let entries: Vec<(&Manifest, &str)> = attached.iter().map(|one| (*one, SBOM)).collect();
    let list = referrers_index(&entries);
    list.push(registry, repository, &fallback_tag(&subject.digest())).await.unwrap();
}
