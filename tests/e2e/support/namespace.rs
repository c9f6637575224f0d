//! A namespace of a test's own, with the words that tests are told in.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tagger_testkit::image::Image;
use tagger_testkit::kubectl::Kubectl;

use super::{World, eventually};

/// A namespace of a test's own.
pub struct Namespace<'a> {
    pub world: &'a World,
    pub name: String,
    kubectl: Kubectl,
}

/// What counts of a Deployment: if none of it changes, nothing rolls out.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub generation: i64,
    pub template: Value,
    pub replica_sets: usize,
    /// On servers after 1.20: that one notes the time of a server-side apply even where it changes nothing.
    pub resource_version: Option<String>,
}

impl<'a> Namespace<'a> {
    /// Makes a namespace in a world.
    pub async fn new(world: &'a World, test: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{test}-{:02}", COUNT.fetch_add(1, Ordering::Relaxed));
        let kubectl = world.control_plane.kubectl();
        kubectl.run(&["create", "namespace", &name]).await.unwrap();
        Self { world, name, kubectl }
    }

    /// Runs kubectl in the namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let all = [&["--namespace", self.name.as_str()], arguments].concat();
        self.kubectl.run(&all).await.map_err(|error| format!("{error:#}"))
    }

    /// Applies an object, as people do.
    pub async fn apply(&self, object: &Value) -> Result<String, String> {
        self.with_input(&["apply", "-f", "-"], object).await
    }

    /// Runs a kubectl that reads an object.
    pub async fn with_input(&self, arguments: &[&str], object: &Value) -> Result<String, String> {
        let all = [&["--namespace", self.name.as_str()], arguments].concat();
        let run = self.kubectl.run_with_input(&all, &object.to_string()).await;
        run.map_err(|error| format!("{error:#}"))
    }

    /// Reads an object, or none where it is not there.
    pub async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        // What is looked at again and again is asked for without a kubectl, which costs more than the question.
        if let Some(group) = group_of(kind) {
            let path = format!("{group}/{name}").replace("NAMESPACE", &self.name);
            let (status, object) = self.world.control_plane.ask("GET", &path, None).await.unwrap();
            assert!([200, 404].contains(&status), "{status} {object}");
            return (status == 200).then_some(object);
        }
        let text = self.kubectl(&["get", kind, name, "--ignore-not-found", "-o", "json"]).await.unwrap();
        serde_json::from_str(&text).ok()
    }

    /// Reads the objects of a kind.
    pub async fn list(&self, kind: &str) -> Vec<Value> {
        let text = self.kubectl(&["get", kind, "-o", "json"]).await.unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// The registry's place for an image of this namespace, without a tag.
    pub fn repository(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.world.registry.address(), self.name)
    }

    /// Pushes an image and gives the reference that workloads will have.
    pub async fn push(&self, name: &str, tag: &str, seed: u64) -> String {
        let repository = format!("{}/{name}", self.name);
        let pushed = Image::single(seed).push(&self.world.registry, &repository, tag).await.unwrap();
        format!("{}@{}", self.repository(name), pushed.digest)
    }

    /// A Tag that imports `latest` of the image of the same name.
    pub fn tag(&self, name: &str, more: Value) -> Value {
        let mut spec = json!({ "from": format!("{}:latest", self.repository(name)) });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": name }, "spec": spec })
    }

    /// Pushes an image, applies a Tag of it at generation 0, and waits until it is Ready.
    pub async fn ready_tag(&self, name: &str) -> String {
        let reference = self.push(name, "latest", 0).await;
        self.apply(&self.tag(name, json!({ "generation": 0 }))).await.unwrap();
        self.wait_for_generation(name, 0).await;
        reference
    }

    /// Sets the generation of a Tag and waits until it is there.
    pub async fn go_to_generation(&self, tag: &str, number: i64) {
        let patch = json!({ "spec": { "generation": number } }).to_string();
        self.kubectl(&["patch", "tag", tag, "--type=merge", "-p", &patch]).await.unwrap();
        self.wait_for_generation(tag, number).await;
    }

    /// Waits until a Tag is Ready at a generation.
    pub async fn wait_for_generation(&self, tag: &str, number: i64) {
        eventually(&format!("Tag {tag} at generation {number}"), || async {
            let tag = self.get("tag", tag).await?;
            let there =
                tag["status"]["generation"] == number && condition(&tag, "Ready") == Some("True".into());
            (there && tag["status"]["observedGeneration"] == tag["metadata"]["generation"]).then_some(())
        })
        .await;
    }

    /// Waits until a Tag has a condition that is true, and gives its reason and message.
    pub async fn wait_for_condition(&self, tag: &str, kind: &str) -> (String, String) {
        eventually(&format!("Tag {tag} {kind}"), || async {
            let tag = self.get("tag", tag).await?;
            let conditions = tag["status"]["conditions"].as_array()?;
            let found = conditions.iter().find(|told| told["type"] == kind && told["status"] == "True")?;
            Some((found["reason"].as_str()?.to_owned(), found["message"].as_str()?.to_owned()))
        })
        .await
    }

    /// An annotated Deployment with one container, `app`.
    pub fn deployment(&self, name: &str, image: &str) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": name, "annotations": { "image-tag": "true" } },
            "spec": {
                "replicas": 1,
                "selector": { "matchLabels": { "app": name } },
                "template": {
                    "metadata": { "labels": { "app": name } },
                    "spec": { "containers": [{ "name": "app", "image": image }] },
                },
            },
        })
    }

    /// Whether annotated workloads are refused while nobody answers: only where the server narrows down what it asks about.
    pub fn fails_closed(&self) -> bool {
        self.world.control_plane.version().minor >= 28
    }

    /// The image of a workload's first container.
    pub async fn image_of(&self, kind: &str, name: &str) -> Option<String> {
        let object = self.get(kind, name).await?;
        let spec = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/spec"];
        let image = spec.iter().find_map(|path| object.pointer(path)?["containers"][0]["image"].as_str());
        image.map(str::to_owned)
    }

    /// Waits until a workload's first container has an image.
    pub async fn wait_for_image(&self, kind: &str, name: &str, image: &str) {
        eventually(&format!("{kind} {name} with {image}"), || async {
            (self.image_of(kind, name).await.as_deref() == Some(image)).then_some(())
        })
        .await;
    }

    /// What counts of a Deployment, once the controllers have seen it as it is and write nothing more about it.
    pub async fn settled(&self, name: &str) -> Deployment {
        let version =
            |object: &Value| object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        let server = self.world.control_plane.version();
        eventually(&format!("deployment {name} settled"), || async {
            let before = self.get("deployment", name).await?;
            let generation = before["metadata"]["generation"].as_i64()?;
            if before["status"]["observedGeneration"].as_i64() != Some(generation) {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(400)).await;
            let text = self
                .kubectl(&["get", "replicasets", "-l", &format!("app={name}"), "-o", "name"])
                .await
                .ok()?;
            let after = self.get("deployment", name).await?;
            (version(&after) == version(&before)).then(|| Deployment {
                generation,
                template: after["spec"]["template"].clone(),
                replica_sets: text.lines().count(),
                resource_version: (server.minor > 20).then(|| version(&after)),
            })
        })
        .await
    }

    /// The reasons of the Events on an object.
    pub async fn events_on(&self, kind: &str, name: &str) -> Vec<String> {
        let field = format!("involvedObject.kind={kind},involvedObject.name={name}");
        let text = self.kubectl(&["get", "events", "--field-selector", &field, "-o", "json"]).await.unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        let reasons = list["items"].as_array().into_iter().flatten();
        reasons.filter_map(|event| event["reason"].as_str().map(str::to_owned)).collect()
    }
}

/// Where the API has the kinds that tests look at most.
fn group_of(kind: &str) -> Option<&'static str> {
    match kind.to_lowercase().as_str() {
        "tag" => Some("/apis/images.io/v1/namespaces/NAMESPACE/tags"),
        "deployment" => Some("/apis/apps/v1/namespaces/NAMESPACE/deployments"),
        "pod" => Some("/api/v1/namespaces/NAMESPACE/pods"),
        _ => None,
    }
}

fn condition(tag: &Value, kind: &str) -> Option<String> {
    let conditions = tag["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|told| told["type"] == kind)?;
    Some(found["status"].as_str()?.to_owned())
}
