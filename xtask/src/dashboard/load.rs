//! Something for an operator to do that looks like a working day: images that are pushed, workloads that are written, and failures.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join3;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::ControlPlaneOptions;
use tagger_testkit::image::Image;
use tagger_testkit::notifier::Notifier;
use tagger_testkit::operator::Operator;
use tagger_testkit::port::Port;
use tagger_testkit::proxy::{Fault, Match, Proxy};
use tagger_testkit::registry::{Registry, RegistryOptions};

use crate::bench::cluster::Cluster;
use crate::cargo;

/// What registries show when they tell of pushes. It guards nothing.
const SECRET: &str = "of-no-value-to-anyone";
/// The namespaces, and the applications in each.
const NAMESPACES: [&str; 3] = ["development", "staging", "production"];
const APPLICATIONS: [&str; 8] = ["web", "cart", "search", "billing", "mail", "ledger", "gateway", "reports"];
/// The application whose images come from a registry that has a bad day.
const TROUBLED: &str = "reports";

/// The parts.
pub(super) struct Scene {
    cluster: Cluster,
    operator: Operator,
    near: Registry,
    /// The registry that has a bad day.
    troubled: Proxy,
    notifier: Notifier,
    _cache: Registry,
    _port: Port,
}

impl Scene {
    /// Starts everything, and applies what there is from the beginning.
    pub(super) async fn set(assets: &Assets) -> Result<Self> {
        let program = cargo::operator(false)?;
        let cluster = Cluster::set(assets, &ControlPlaneOptions::default(), Some(&program)).await?;
        let secret = format!("--from-literal=distribution={SECRET}");
        let words = ["create", "secret", "generic", "tagger-receiver", "--namespace", "tagger", &secret];
        cluster.control_plane.kubectl().run(&words).await?;
        let port = Port::take()?;
        let receiver = format!("127.0.0.1:{}", port.number());
        let hook = format!("http://{receiver}/distribution");
        let near = Registry::start(assets, &RegistryOptions::default().notify(&hook, Some(SECRET))).await?;
        let cache = Registry::start(assets, &RegistryOptions::default()).await?;
        let troubled = Proxy::start(&near).await?;
        let (host, copies) = (near.address(), cache.address());
        let flags = [
            "--insecure-registry",
            &host,
            "--insecure-registry",
            troubled.address(),
            "--cache-registry",
            &copies,
            "--cache-insecure",
            "--receiver-address",
            &receiver,
        ];
        let operator = cluster.operator(&flags.map(str::to_owned)).await?;
        let notifier = Notifier::new(&format!("http://{receiver}"), SECRET)?;
        let scene = Self { cluster, operator, near, troubled, notifier, _cache: cache, _port: port };
        scene.furnish().await?;
        Ok(scene)
    }

    /// Where the operator's metrics are: host and port.
    pub(super) fn target(&self) -> String {
        self.operator.metrics_url().replace("http://", "").replace("/metrics", "")
    }

    async fn furnish(&self) -> Result<()> {
        for application in APPLICATIONS {
            self.push(application, 0).await?;
        }
        let mut objects = Vec::new();
        for namespace in NAMESPACES {
            self.cluster.control_plane.kubectl().run(&["create", "namespace", namespace]).await?;
            for application in APPLICATIONS {
                objects.push(self.tag(namespace, application));
                objects.push(deployment(namespace, application));
            }
        }
        // Images that nobody pushed, and a Tag that somebody holds.
        for (namespace, name) in [("development", "prototype"), ("staging", "importer")] {
            let from = format!("{}/company/{name}:latest", self.near.address());
            objects.push(object(namespace, name, json!({ "from": from })));
        }
        let from = format!("{}/company/mail:latest", self.near.address());
        objects.push(object("production", "mail-held", json!({ "from": from, "suspend": true })));
        self.apply(&objects).await
    }

    fn tag(&self, namespace: &str, application: &str) -> Value {
        let host =
            if application == TROUBLED { self.troubled.address().to_owned() } else { self.near.address() };
        // What is stepped back to is kept until then, however slow the machine is.
        let mut spec = json!({ "from": format!("{host}/company/{application}:latest"), "history": 50 });
        if application == TROUBLED {
            spec["track"] = json!({ "interval": "30s" });
        }
        if namespace == "production" {
            spec["cache"] = json!(true);
        }
        object(namespace, application, spec)
    }

    /// Plays for so long.
    pub(super) async fn play(&self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        try_join3(self.pushes(end), self.writes(end), self.troubles(time)).await?;
        Ok(())
    }

    /// Images are pushed, more of them in the middle.
    async fn pushes(&self, end: Instant) -> Result<()> {
        let whole = end.saturating_duration_since(Instant::now());
        for number in 1.. {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let application = APPLICATIONS[usize::try_from(number)? % APPLICATIONS.len()];
            self.push(application, number).await?;
            let share = left.as_secs_f64() / whole.as_secs_f64();
            let is_busy = (0.3..0.6).contains(&share);
            tokio::time::sleep(Duration::from_millis(if is_busy { 1200 } else { 4000 })).await;
        }
        Ok(())
    }

    async fn push(&self, application: &str, number: u64) -> Result<()> {
        let seed =
            u64::try_from(APPLICATIONS.iter().position(|known| *known == application).unwrap_or_default())?;
        let image = Image::single(1000 * seed + number).layers(3, 400_000).layers_of(1000 * seed + number);
        let pushed = image.push(&self.near, &format!("company/{application}"), "latest").await?;
        if application == TROUBLED {
            let repository = format!("company/{application}");
            self.notifier.tell(self.troubled.address(), &repository, "latest", &pushed.digest).await?;
        }
        Ok(())
    }

    /// People and controllers write workloads.
    async fn writes(&self, end: Instant) -> Result<()> {
        let client: Client = self.cluster.client.clone();
        for number in 0_usize.. {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let namespace = NAMESPACES[number % NAMESPACES.len()];
            let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
            let patch = json!({ "metadata": { "annotations": { "example.com/build": number.to_string() } } });
            let name = APPLICATIONS[number / NAMESPACES.len() % APPLICATIONS.len()];
            // One that is being rolled out meanwhile may refuse it: people try again.
            let _ = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
            let pause = 60 + 40 * (number / 100 % 4) as u64;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Ok(())
    }

    /// A registry that limits and then fails, a step back, a container that is detached, a Tag that is refused.
    async fn troubles(&self, time: Duration) -> Result<()> {
        let kubectl = self.cluster.control_plane.kubectl();
        let tenth = time / 10;
        tokio::time::sleep(tenth * 2).await;
        self.troubled.fault(Match::any(), Fault::status(429).header("Retry-After", "20"));
        tokio::time::sleep(tenth).await;
        let back = r#"{"spec":{"generation":0}}"#;
        kubectl.run(&["--namespace", "staging", "patch", "tag", "cart", "--type=merge", "-p", back]).await?;
        self.troubled.heal();
        tokio::time::sleep(tenth).await;
        let other = ["set", "image", "deployment/mail", "app=registry.example/mail:1"];
        kubectl.run(&[&["--namespace", "development"], &other[..]].concat()).await?;
        let wrong = object("development", "wrong", json!({ "from": "Not A Reference" }));
        let _ = kubectl.apply(&wrong.to_string()).await;
        tokio::time::sleep(tenth * 2).await;
        self.troubled.fault(Match::any(), Fault::status(503));
        tokio::time::sleep(tenth * 2).await;
        self.troubled.heal();
        Ok(())
    }

    async fn apply(&self, objects: &[Value]) -> Result<()> {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        self.cluster.control_plane.kubectl().apply(&list.to_string()).await?;
        Ok(())
    }
}

fn object(namespace: &str, name: &str, spec: Value) -> Value {
    let metadata = json!({ "namespace": namespace, "name": name });
    json!({ "apiVersion": "images.io/v1", "kind": "Tag", "metadata": metadata, "spec": spec })
}

fn deployment(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "namespace": namespace, "name": name, "annotations": { "image-tag": "true" } },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "app", "image": name }] },
            },
        },
    })
}
