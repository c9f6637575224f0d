//! One Tag and very many workloads: how long until all of them have the image that it steps to, and what another user of the API server
//! has of that.

mod bystander;
mod report;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use serde_json::json;
use tagger_api::Tag;
use tagger_api::annotations::IMAGE_TAG;
use tagger_testkit::assets::Assets;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::arrivals::Arrivals;
use super::cluster::{self, Cluster};
use super::crowd::each;
use super::farm::{self, Farm};
use super::processor;
use super::writes::{self, Writes};
use bystander::Bystander;
use report::{Report, Step};

/// The namespace of all of it, but for the other user's.
const NAMESPACE: &str = "rollout";
/// For how long the other user is watched before anything happens.
const BEFORE: Duration = Duration::from_secs(10);
/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The flags of `bench rollout`.
#[derive(Args)]
pub(crate) struct Options {
    /// How many Deployments follow the Tag
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    deployments: u32,
    /// How many Pods each of them wants: what Kubernetes itself does for a new image is the greater part of the work
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=10))]
    replicas: u32,
    /// How often the Tag steps, down and up in turn
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    steps: u32,
    /// More for the operator's command line, such as --roll-outs=8
    #[arg(long = "flag", value_name = "FLAG", allow_hyphen_values = true)]
    flags: Vec<String>,
    /// Another build of the operator to measure, such as that of an older commit
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    /// A file that the figures are written to as JSON, besides
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let count = usize::try_from(options.deployments)?;
    let writes = Writes::new()?;
    let cluster =
        Cluster::set(&Assets::obtain().await?, &writes.options(), options.operator.as_deref()).await?;
    let farm = Farm::start(1, 1).await?;
    let operator = cluster.operator(&[farm.flags(), options.flags.clone()].concat()).await?;
    let tags = cluster.namespace(NAMESPACE).await?;
    let arrivals = Arrivals::open(&tags).await?;
    farm.follow(&tags, None).await?;
    arrivals.of(1).await.with_context(|| cluster::log_of(&operator))?;
    farm.move_to(0, 1)?;
    step_to(&tags, 1).await?;
    arrivals.at(1, 1).await.with_context(|| cluster::log_of(&operator))?;
    drop(arrivals);

    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let images = Images::watch(&deployments).await;
    eprintln!("creating {count} Deployments");
    each(count, (deployments, options.replicas), create).await?;
    images.all(count, &farm.digest(0, 1)?).await?;
    eprintln!("waiting until Kubernetes is done with them");
    processor::until_idle("kube-apiserver").await;

    let bystander = Bystander::start(&cluster).await?;
    tokio::time::sleep(BEFORE).await;
    let before = bystander.take();
    ensure!(!before.is_empty(), "the other user of the API server did nothing");
    let mut steps = Vec::new();
    for number in 1..=options.steps {
        let generation = i64::from(1 - number % 2);
        eprintln!("step {number} of {}: to generation {generation}", options.steps);
        let digest = farm.digest(0, generation.unsigned_abs())?;
        let (used, written) = (processor::used(), writes.counts()?);
        bystander.take();
        let start = Instant::now();
        step_to(&tags, generation).await?;
        let took = images.all(count, &digest).await.with_context(|| cluster::log_of(&operator))?;
        let (others, used) = (bystander.take(), processor::since(&used));
        processor::until_idle("kube-apiserver").await;
        steps.push(Step::new(
            start,
            took,
            &before,
            others,
            used,
            writes::between(&written, &writes.counts()?),
        ));
    }
    let kubernetes = cluster.control_plane.version().to_string();
    let report = Report { deployments: count, replicas: options.replicas, kubernetes, steps };
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))?;
    }
    println!("\n{report}");
    Ok(())
}

async fn step_to(tags: &Api<Tag>, generation: i64) -> Result<()> {
    let step = json!({ "spec": { "generation": generation } });
    tags.patch(&farm::name(0), &PatchParams::default(), &Patch::Merge(step)).await.context("step the Tag")?;
    Ok(())
}

async fn create(on: Arc<(Api<Deployment>, u32)>, number: usize) -> Result<()> {
    let (api, replicas) = &*on;
    let name = format!("shop-{number}");
    let deployment = json!({
        "metadata": { "name": name, "annotations": { IMAGE_TAG: "true" } },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            // Nothing ever runs here, so that no Pod is ever ready: a roll-out must not wait for that.
            "strategy": { "type": "Recreate" },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "app", "image": farm::name(0) }] },
            },
        },
    });
    let deployment = serde_json::from_value(deployment)?;
    api.create(&PostParams::default(), &deployment).await.context("create a Deployment").map(drop)
}

/// The image of each Deployment, and when it came, as a watch tells it.
struct Images {
    told: watch::Receiver<BTreeMap<String, (String, Instant)>>,
    _task: AbortOnDropHandle<()>,
}

impl Images {
    async fn watch(api: &Api<Deployment>) -> Self {
        let (teller, told) = watch::channel(BTreeMap::new());
        let config = watcher::Config::default();
        let mut events = watcher(api.clone(), config).default_backoff().boxed();
        let task = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Apply(deployment) | Event::InitApply(deployment)) => {
                        let image = image_of(&deployment).unwrap_or_default();
                        teller.send_if_modified(|all: &mut BTreeMap<_, _>| {
                            let name = deployment.name_any();
                            let is_new = all.get(&name).is_none_or(|(before, _)| *before != image);
                            if is_new {
                                all.insert(name, (image, Instant::now()));
                            }
                            is_new
                        });
                    }
                    Ok(_) => {}
                    Err(error) => eprintln!("the watch of the benchmark broke and begins anew: {error}"),
                }
            }
        });
        Self { told, _task: AbortOnDropHandle::new(task) }
    }

    /// Waits until so many Deployments have an image with this digest, and says when each came to it.
    async fn all(&self, count: usize, digest: &str) -> Result<Vec<Instant>> {
        let mut told = self.told.clone();
        let there = |all: &BTreeMap<String, (String, Instant)>| {
            all.values().filter(|(image, _)| image.ends_with(digest)).map(|(_, at)| *at).collect::<Vec<_>>()
        };
        let waited = tokio::time::timeout(PATIENCE, told.wait_for(|all| there(all).len() >= count)).await;
        match waited {
            Ok(all) => Ok(there(&*all.context("the watch of the benchmark has ended")?)),
            Err(_) => {
                let there = there(&self.told.borrow()).len();
                bail!("{there} of {count} Deployments have the image after {PATIENCE:?}")
            }
        }
    }
}

fn image_of(deployment: &Deployment) -> Option<String> {
    deployment.spec.as_ref()?.template.spec.as_ref()?.containers.first()?.image.clone()
}
