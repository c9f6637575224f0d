//! What the tests of this crate ask, and the answers applied.

use serde_json::{Value, json};
use tagger_api::annotations::{FOLLOWS, IMAGE_TAG, ROLLOUT};
use tagger_api::index::TagIndex;

use crate::answer::Answer;
use crate::mutate::{self, Verdict};
use crate::workload::Workload;

pub const OLD: &str =
    "quay.io/company/myapp@sha256:0000000000000000000000000000000000000000000000000000000000000000";
pub const NEW: &str =
    "quay.io/company/myapp@sha256:1111111111111111111111111111111111111111111111111111111111111111";
pub const WAITS: &str = "tag.invalid/dev/myapp:pending";

/// An index of the Tags of namespace `dev`.
pub fn index(tags: &[(&str, Option<&str>)]) -> TagIndex {
    let index = TagIndex::default();
    for (name, reference) in tags {
        index.set("dev", name, *reference);
    }
    index.retain(|_, _| true);
    index
}

/// A request about one workload, `web` in namespace `dev`, with one container, `app`.
#[derive(Clone, Debug)]
pub struct Asked {
    pub kind: &'static str,
    pub object: Value,
    pub old: Option<Value>,
    pub manager: &'static str,
}

impl Asked {
    /// A new workload with this image.
    pub fn create(kind: &str, image: &str) -> Self {
        Self::stored(kind, image, None)
    }

    /// A workload with this image, which bears a record that this other image was written for Tag `myapp`.
    pub fn stored(kind: &str, image: &str, recorded: Option<&str>) -> Self {
        let kinds = ["Deployment", "StatefulSet", "CronJob", "Job", "Pod"];
        let kind = kinds.into_iter().find(|known| *known == kind).unwrap();
        let pods = json!({ "containers": [{ "name": "app", "image": image }] });
        let spec = match kind {
            "Pod" => pods,
            "CronJob" => json!({ "jobTemplate": { "spec": { "template": { "spec": pods } } } }),
            _ => json!({ "template": { "spec": pods } }),
        };
        let mut object =
            json!({ "metadata": { "name": "web", "annotations": { IMAGE_TAG: "true" } }, "spec": spec });
        if let Some(recorded) = recorded {
            let record = json!({ "app": { "tag": "myapp", "image": recorded } });
            object["metadata"]["annotations"][FOLLOWS] = json!(record.to_string());
        }
        Self { kind, object, old: None, manager: "kubectl" }
    }

    pub fn strict(mut self) -> Self {
        self.object["metadata"]["annotations"][IMAGE_TAG] = json!("strict");
        self
    }

    pub fn created(mut self) -> Self {
        self.old = None;
        self
    }

    /// Somebody updates what is stored to this.
    pub fn updated_to(self, new: Self) -> Self {
        Self { old: Some(self.object), ..new }
    }

    /// A roll-out touches what is stored, with these references.
    pub fn touched(self, targets: &str) -> Self {
        let mut new = self.clone();
        new.object["metadata"]["annotations"][ROLLOUT] = json!(targets);
        Self { manager: "tagger", ..self.updated_to(new) }
    }

    pub fn pod_spec(&mut self) -> &mut Value {
        let pointer = match self.kind {
            "Pod" => "/spec",
            "CronJob" => "/spec/jobTemplate/spec/template/spec",
            _ => "/spec/template/spec",
        };
        self.object.pointer_mut(pointer).unwrap()
    }

    pub fn set_image(&mut self, image: &str) {
        self.pod_spec()["containers"][0]["image"] = json!(image);
    }

    pub fn image(&self) -> &str {
        let found = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"]
            .into_iter()
            .find_map(|pointer| self.object.pointer(&format!("{pointer}/containers/0/image")));
        found.and_then(Value::as_str).unwrap()
    }

    /// The image that the record says was written for `app`.
    pub fn recorded(&self) -> Option<String> {
        let text = self.object["metadata"]["annotations"].get(FOLLOWS)?.as_str()?;
        let record: Value = serde_json::from_str(text).ok()?;
        Some(record["app"]["image"].as_str()?.to_owned())
    }

    /// The request, as the API server would send it.
    pub fn request(&self) -> Value {
        let group = match self.kind {
            "Pod" => "",
            "Job" | "CronJob" => "batch",
            _ => "apps",
        };
        json!({
            "uid": "1-2-3",
            "kind": { "group": group, "version": "v1", "kind": self.kind },
            "resource": { "group": group, "version": "v1", "resource": "any" },
            "operation": if self.old.is_some() { "UPDATE" } else { "CREATE" },
            "name": "web",
            "namespace": "dev",
            "userInfo": { "username": "somebody" },
            "object": self.object,
            "oldObject": self.old,
            "dryRun": false,
            "options": { "fieldManager": self.manager },
        })
    }

    pub fn review(&self, version: &str) -> Vec<u8> {
        let review = json!({ "apiVersion": version, "kind": "AdmissionReview", "request": self.request() });
        serde_json::to_vec(&review).unwrap()
    }

    pub fn judged(&self, index: &TagIndex) -> Verdict {
        let request = self.request().to_string();
        let workload = Workload::of(&serde_json::from_str(&request).unwrap(), "tagger-system").unwrap();
        index.read("dev", |tags| mutate::judge(&workload, tags))
    }

    /// The request with the answer's patch applied.
    pub fn with_answer(&self, answer: &Answer) -> Self {
        match answer {
            Answer::Allowed { patch, .. } => self.patched(&serde_json::to_value(patch).unwrap()),
            Answer::Refused(_) => self.clone(),
        }
    }

    /// The request with a JSON patch applied.
    pub fn patched(&self, patch: &Value) -> Self {
        let mut asked = self.clone();
        let patch: json_patch::Patch = serde_json::from_value(patch.clone()).unwrap();
        json_patch::patch(&mut asked.object, &patch).unwrap();
        asked
    }
}
