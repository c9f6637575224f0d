//! A Tag for tests.

use serde_json::{Value, json};
use tagger_api::Tag;

/// A Tag with this specification, at this generation, with those that are there.
pub(crate) fn tag(spec: Value, current: Option<i64>, numbers: &[i64]) -> Tag {
    let one = |number: &i64| {
        json!({
            "generation": number, "from": "quay.io/a/b:latest", "importedAt": "2026-01-01T00:00:00Z",
            "imageReference": format!("quay.io/a/b@sha256:{number:064x}"),
        })
    };
    let mut all = json!({ "from": "quay.io/a/b:latest" });
    super::change::merge(&mut all, &spec);
    serde_json::from_value(json!({
        "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": "myapp", "namespace": "dev" },
        "spec": all, "status": { "generation": current, "references": numbers.iter().map(one).collect::<Vec<_>>() },
    }))
    .unwrap()
}
