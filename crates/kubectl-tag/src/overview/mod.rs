//! Where one Tag is, in the words of people. Pure.

mod mode;
mod trouble;

use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;
use tagger_api::Tag;

pub(crate) use mode::{Mode, choice};
pub(crate) use trouble::one_line;

/// Where a Tag is: what `kubectl tag status -o json` prints for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Where it imports from.
    pub(crate) from: String,
    /// What decides on its generation.
    pub(crate) mode: Mode,
    /// The generation that workloads use.
    pub(crate) current: Option<i64>,
    /// The newest generation that is known.
    pub(crate) newest: Option<i64>,
    /// How many generations are newer than the current one.
    pub(crate) behind: usize,
    /// The image of the current generation.
    pub(crate) image: Option<String>,
    /// How many generations there are, and how many of them are used from the cache.
    pub(crate) generations: usize,
    pub(crate) cached: usize,
    pub(crate) ready: bool,
    /// Since when the current generation is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) imported_at: Option<Timestamp>,
    /// What is under way or wrong, in one word and in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// The copy into the cache that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mirroring: Option<serde_json::Value>,
}

impl Overview {
    pub(crate) fn of(tag: &Tag) -> Self {
        let status = tag.status.clone().unwrap_or_default();
        let history = &status.references;
        let current = status.generation;
        let (is_ready, trouble) = trouble::of(tag);
        let known = serde_json::to_value(&status).unwrap_or_default();
        Self {
            namespace: tag.namespace().unwrap_or_default(),
            name: tag.name_any(),
            from: tag.spec.from.clone(),
            mode: Mode::of(tag),
            current,
            newest: history.newest().map(|newest| newest.generation),
            behind: current
                .map_or(0, |current| history.iter().filter(|known| known.generation > current).count()),
            image: status.current().map(|current| current.image_reference.clone()),
            generations: history.len(),
            cached: history.iter().filter(|known| known.is_mirrored() || known.is_upload()).count(),
            ready: is_ready,
            imported_at: status.current().map(|current| current.imported_at),
            reason: trouble.as_ref().map(|(reason, _)| reason.clone()),
            message: trouble.map(|(_, message)| message),
            mirroring: known.get("mirroring").cloned(),
        }
    }

    /// Whether its generations are in the cache.
    pub(crate) fn cached(&self) -> &'static str {
        match self.cached {
            0 => "no",
            some if some == self.generations => "yes",
            _ => "partly",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn generation(number: i64, source: Option<&str>) -> Value {
        let mut made = json!({
            "generation": number, "from": "quay.io/a/b:latest", "importedAt": "2026-01-01T00:00:00Z",
            "imageReference": format!("r.io/a/b@sha256:{number:064x}"),
        });
        if let Some(source) = source {
            made["source"] = json!(source);
        }
        made
    }

    fn overview(spec: Value, status: Value) -> Overview {
        let mut all = json!({ "from": "quay.io/a/b:latest" });
        all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let tag = json!({
            "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": "myapp", "namespace": "dev" },
            "spec": all, "status": status,
        });
        Overview::of(&serde_json::from_value(tag).unwrap())
    }

    #[test]
    fn a_tag_that_is_behind_says_by_how_many() {
        let references = json!([generation(5, None), generation(3, None), generation(1, None)]);
        let told = overview(json!({ "generation": 1 }), json!({ "generation": 1, "references": references }));
        assert_eq!((told.current, told.newest, told.behind), (Some(1), Some(5), 2));
        assert_eq!(told.mode, Mode::Held);
    }

    #[test]
    fn what_is_cached_is_counted() {
        let references = json!([generation(1, Some("quay.io/a/b@sha256:1")), generation(0, None)]);
        let told = overview(json!({}), json!({ "generation": 1, "references": references }));
        assert_eq!((told.cached(), told.cached, told.generations), ("partly", 1, 2));
        assert_eq!(overview(json!({}), json!({})).cached(), "no");
    }
}
