//! From a push to the workload that runs it: how long that takes by notification and by polling, beside the time that the registry and
//! the API server need for the writes in between.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::PostParams;
use serde::Serialize;
use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::ControlPlaneOptions;
use tagger_testkit::image::Image;
use tagger_testkit::port::Port;
use tagger_testkit::proxy::Proxy;
use tagger_testkit::registry::{Registry, RegistryOptions};
use tokio::time::sleep;

use super::cluster::{self, Cluster};
use super::figures::Spread;

/// What the registry shows when it tells of a push.
const SECRET: &str = "a-word-that-only-the-benchmark-knows";
/// How often it is looked whether the workload has the image.
const LOOK: Duration = Duration::from_millis(5);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The shortest interval that a Tag may have, and the most that is added to it.
const INTERVAL: &str = "30s";

/// The flags of `bench push`.
#[derive(Args)]
pub(crate) struct Options {
    /// How many images are pushed, one after the other
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pushes: u64,
    /// How many of them are found by polling, half a minute each
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u64).range(0..=100))]
    polls: u64,
    /// A file that the figures are written to as JSON, besides
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What was seen.
#[derive(Serialize)]
struct Report {
    kubernetes: String,
    /// From the end of the push to a Deployment with the image.
    pushed_milliseconds: Spread,
    /// From the poll that saw it, when it reached the registry, to a Deployment with the image.
    polled_milliseconds: Spread,
    /// One write of a Deployment with the webhook asked, as a measure of this machine.
    write_milliseconds: Spread,
}

/// Measures, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let assets = Assets::obtain().await?;
    let cluster = Cluster::set(&assets, &ControlPlaneOptions::default(), None).await?;
    let port = Port::take()?;
    let receiver = format!("127.0.0.1:{}", port.number());
    let hook = format!("http://{receiver}/distribution");
    let registry = Registry::start(&assets, &RegistryOptions::default().notify(&hook, Some(SECRET))).await?;
    let secret = format!("--from-literal=distribution={SECRET}");
    let create = ["create", "secret", "generic", "tagger-receiver", "--namespace=tagger", &secret];
    cluster.control_plane.kubectl().run(&create).await?;
    let proxy = Proxy::start(&registry).await?;
    let address = registry.address();
    let flags = [
        "--insecure-registry",
        &address,
        "--insecure-registry",
        proxy.address(),
        "--receiver-address",
        &receiver,
    ];
    let operator = cluster.operator(&flags.map(str::to_owned)).await?;
    cluster.namespace("rollout").await?;
    let deployments = Api::namespaced(cluster.client.clone(), "rollout");
    let scene = Scene { deployments, registry, proxy, cluster };

    let pushed = scene.rolls_out("pushed", &address, json!({}), options.pushes).await;
    let pushed = pushed.with_context(|| cluster::log_of(&operator))?;
    let polls = json!({ "push": false, "interval": INTERVAL });
    let polled = scene.rolls_out("polled", scene.proxy.address(), polls, options.polls).await;
    let polled = polled.with_context(|| cluster::log_of(&operator))?;
    let report = Report {
        kubernetes: scene.cluster.control_plane.version().to_string(),
        pushed_milliseconds: Spread::of(pushed.since_push),
        polled_milliseconds: Spread::of(polled.since_poll),
        write_milliseconds: Spread::of(scene.writes().await?),
    };
    let text = serde_json::to_string_pretty(&report)? + "\n";
    if let Some(file) = &options.json {
        std::fs::write(file, &text).with_context(|| format!("write {}", file.display()))?;
    }
    print!("\n{text}");
    Ok(())
}

struct Scene {
    registry: Registry,
    /// Notes what the registry is asked where a Tag is polled.
    proxy: Proxy,
    cluster: Cluster,
    deployments: Api<Deployment>,
}

/// What was seen of some roll-outs, in milliseconds.
#[derive(Default)]
struct Seen {
    since_push: Vec<f64>,
    since_poll: Vec<f64>,
}

impl Scene {
    /// Pushes one image after the other, and looks until a Deployment has each.
    async fn rolls_out(&self, name: &str, at: &str, track: Value, times: u64) -> Result<Seen> {
        eprintln!("{name}: {times} images");
        let mut seen = Seen::default();
        if times == 0 {
            return Ok(seen);
        }
        let first = self.push(name, 0).await?;
        let tag = json!({
            "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "name": name, "namespace": "rollout" },
            "spec": { "from": format!("{at}/{name}:latest"), "track": track },
        });
        self.cluster.control_plane.kubectl().apply(&tag.to_string()).await?;
        self.cluster.control_plane.kubectl().apply(&self.deployment(name).to_string()).await?;
        self.wait_for(name, &first).await?;
        for seed in 1..=times {
            let digest = self.push(name, seed).await?;
            let pushed = Instant::now();
            self.proxy.take_requests();
            self.wait_for(name, &digest).await?;
            seen.since_push.push(milliseconds(pushed));
            if let Some(poll) = self.proxy.take_requests().first() {
                seen.since_poll.push(milliseconds(poll.at));
            }
        }
        Ok(seen)
    }

    /// Looks until a Deployment has an image with this digest.
    async fn wait_for(&self, name: &str, digest: &str) -> Result<()> {
        let start = Instant::now();
        loop {
            let deployment = serde_json::to_value(self.deployments.get(name).await?)?;
            let image = deployment.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
            if image.is_some_and(|image| image.ends_with(digest)) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                bail!("the Deployment {name} did not get {digest} within {PATIENCE:?}; it has {image:?}");
            }
            sleep(LOOK).await;
        }
    }

    /// How long it takes to write a Deployment that names a Tag.
    async fn writes(&self) -> Result<Vec<f64>> {
        let mut took = Vec::new();
        for number in 0..50 {
            let mut deployment = self.deployment("pushed");
            deployment["metadata"]["name"] = json!(format!("written-{number}"));
            let deployment: Deployment = serde_json::from_value(deployment)?;
            let start = Instant::now();
            self.deployments.create(&PostParams::default(), &deployment).await?;
            took.push(milliseconds(start));
        }
        Ok(took)
    }

    async fn push(&self, name: &str, seed: u64) -> Result<String> {
        Ok(Image::single(seed).push(&self.registry, name, "latest").await?.digest)
    }

    fn deployment(&self, name: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": name, "namespace": "rollout", "annotations": { "image-tag": "true" } },
            "spec": {
                "selector": { "matchLabels": { "app": name } },
                "template": {
                    "metadata": { "labels": { "app": name } },
                    "spec": { "containers": [{ "name": "app", "image": name }] },
                },
            },
        })
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
