//! The referrers API, which the registry behind the proxy has not got.

use std::collections::HashMap;

use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::answer::Answer;
use super::request::Recorded;
use crate::manifest::digest;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What is known about subjects: by repository and digest, the descriptors of artifacts.
pub(super) struct Referrers {
    page: usize,
    entries: HashMap<(String, String), Vec<Value>>,
}

impl Referrers {
    pub(super) fn new(page: usize) -> Self {
        Self { page: page.max(1), entries: HashMap::new() }
    }

    pub(super) fn add(&mut self, repository: &str, subject: &str, descriptor: Value) {
        let entries = self.entries.entry((repository.to_owned(), subject.to_owned())).or_default();
        if !entries.contains(&descriptor) {
            entries.push(descriptor);
        }
    }

    /// Learns from a manifest that was pushed; gives its subject's digest where it has one.
    pub(super) fn learn(&mut self, request: &Recorded, manifest: &[u8]) -> Option<String> {
        let content: Value = serde_json::from_slice(manifest).ok()?;
        let subject = content.pointer("/subject/digest")?.as_str()?.to_owned();
        let artifact_type = content.get("artifactType").or_else(|| content.pointer("/config/mediaType"));
        let mut descriptor = json!({
            "mediaType": content["mediaType"],
            "digest": digest(manifest),
            "size": manifest.len(),
            "artifactType": artifact_type,
        });
        if let Some(annotations) = content.get("annotations") {
            descriptor["annotations"] = annotations.clone();
        }
        self.add(&request.repository, &subject, descriptor);
        Some(subject)
    }

    /// Answers the API: all about a subject, or of one type, a page at a time.
    pub(super) fn list(&self, request: &Recorded) -> Answer {
        let subject = request.path.rsplit('/').next().unwrap_or_default();
        let wanted =
            request.parameter("artifactType").map(|value| value.replace("%2F", "/").replace("%2B", "+"));
        let start: usize =
            request.parameter("start").and_then(|start| start.parse().ok()).unwrap_or_default();
        let known = self.entries.get(&(request.repository.clone(), subject.to_owned()));
        let matching: Vec<&Value> = known
            .into_iter()
            .flatten()
            .filter(|entry| wanted.as_deref().is_none_or(|wanted| entry["artifactType"] == wanted))
            .collect();
        let entries: Vec<&Value> = matching.iter().skip(start).take(self.page).copied().collect();
        let next = start + entries.len();
        let content = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        let mut answer = Answer::json(StatusCode::OK, INDEX, &content);
        let mut filter = String::new();
        if let Some(wanted) = wanted {
            answer.headers.insert("oci-filters-applied", HeaderValue::from_static("artifactType"));
            filter = format!("artifactType={wanted}&");
        }
        if next < matching.len()
            && let Ok(link) = format!("<{}?{filter}start={next}>; rel=\"next\"", request.path).try_into()
        {
            answer.headers.insert(header::LINK, link);
        }
        answer
    }
}
