//! An operator of very many Tags: how much memory they take, how long it takes to start, and what a list anew costs.

mod report;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use tagger_api::Tag;
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::ControlPlaneOptions;
use tagger_testkit::operator::Operator;
use tokio::time::sleep;

use super::arrivals::Arrivals;
use super::cluster::{self, Cluster};
use super::farm::{self, Farm};
use super::figures::mebibytes;
use super::processor;
use super::stored::{Etcd, Pattern};
use report::{Report, Start};

/// The name of the API server among the programs that run: the kernel keeps so many characters of it.
const API_SERVER: &str = "kube-apiserver";
/// For how long it is measured what an operator uses that has nothing to do.
const IDLE: Duration = Duration::from_secs(20);
/// How long the operator may take to see to one Tag once the API server is back.
const PATIENCE: Duration = Duration::from_secs(600);
/// The Tag that comes while nobody watches.
const LATE: &str = "late";

/// The flags of `bench scale`.
#[derive(Args)]
pub(crate) struct Options {
    /// How many Tags there are
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    tags: u32,
    /// How many generations each of them has
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=50))]
    generations: i64,
    /// How often the operator is started with them
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    starts: u32,
    /// Another build of the operator to measure, such as that of an older commit
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    /// A file that the figures are written to as JSON, besides
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let count = usize::try_from(options.tags)?;
    let cluster =
        Cluster::set(&Assets::obtain().await?, &ControlPlaneOptions::default(), options.operator.as_deref())
            .await?;
    let farm = Farm::start(1, 1).await?;
    let operator = cluster.operator(&farm.flags()).await?;
    let tags = cluster.namespace("scale").await?;
    import(&farm, &tags, options.generations).await.with_context(|| cluster::log_of(&operator))?;
    processor::until_idle(&cluster.program()).await;
    let (idle, _) = operator.memory()?;
    operator.stop()?;

    let etcd = Etcd::at(cluster.control_plane.etcd())?;
    let pattern = etcd.pattern("scale", &farm::name(0), &farm.followed(0).repository).await?;
    eprintln!("writing {count} Tags");
    etcd.write(&pattern, count).await?;
    let all: Api<Tag> = Api::all(cluster.client.clone());
    let page = all.list(&ListParams::default().limit(1)).await?;
    let there = page.metadata.remaining_item_count.unwrap_or_default() + 1;
    ensure!(there == i64::from(options.tags) + 1, "the API server has {there} Tags and not {count} and one");
    processor::until_idle(API_SERVER).await;

    let scene = Scene { cluster, operator, tags, etcd, pattern };
    let mut starts = Vec::new();
    for number in 1..=options.starts {
        eprintln!("start {number} of {}", options.starts);
        starts.push(scene.start().await?);
        if number < options.starts {
            scene.operator.stop()?;
        }
    }
    let idle_processor = scene.idle_processor().await;
    let relist = scene.relist().await.with_context(|| cluster::log_of(&scene.operator))?;
    let report = Report {
        tags: count,
        generations: options.generations,
        kubernetes: scene.cluster.control_plane.version().to_string(),
        idle_mebibytes: mebibytes(idle),
        starts,
        idle_processor,
        relist,
    };
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))?;
    }
    println!("\n{report}");
    Ok(())
}

/// Waits until the operator says that it is ready, for longer than one of few Tags may take.
async fn until_ready(operator: &Operator) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
    let start = Instant::now();
    while !client.get(operator.readiness_url()).send().await.is_ok_and(|answer| answer.status().is_success())
    {
        ensure!(
            start.elapsed() < PATIENCE,
            "the operator was not ready within {PATIENCE:?}; {}",
            cluster::log_of(operator)
        );
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Has one Tag imported by the operator, as often as it is to have generations.
async fn import(farm: &Farm, tags: &Api<Tag>, generations: i64) -> Result<()> {
    let arrivals = Arrivals::open(tags).await?;
    farm.follow(tags, None).await?;
    arrivals.of(1).await?;
    for number in 1..generations {
        farm.move_to(0, number.unsigned_abs())?;
        let next = json!({ "spec": { "generation": number } });
        tags.patch(&farm::name(0), &PatchParams::default(), &Patch::Merge(next)).await?;
        arrivals.at(number, 1).await?;
    }
    Ok(())
}

struct Scene {
    cluster: Cluster,
    operator: Operator,
    tags: Api<Tag>,
    etcd: Etcd,
    pattern: Pattern,
}

impl Scene {
    /// Starts the operator, which knows nothing yet, and waits until it has seen to all Tags.
    async fn start(&self) -> Result<Start> {
        let (start, used) = (Instant::now(), processor::used());
        self.operator.launch()?;
        until_ready(&self.operator).await?;
        let ready = start.elapsed();
        let settled = processor::until_idle(&self.cluster.program()).await;
        let used = processor::since(&used);
        let (now, peak) = self.operator.memory()?;
        Ok(Start {
            ready_seconds: ready.as_secs_f64(),
            settled_seconds: settled.duration_since(start).as_secs_f64(),
            settled_mebibytes: mebibytes(now),
            peak_mebibytes: mebibytes(peak),
            processor_seconds: used,
        })
    }

    /// How much of a processor the operator uses while nothing happens.
    async fn idle_processor(&self) -> f64 {
        eprintln!("nothing happens: measuring for {IDLE:?}");
        let used = processor::used();
        sleep(IDLE).await;
        let used = processor::since(&used);
        used.get(&self.cluster.program()).copied().unwrap_or_default() / IDLE.as_secs_f64()
    }

    /// Breaks all watches by ending the API server, while a Tag comes, so that all is listed anew.
    async fn relist(&self) -> Result<report::Relist> {
        eprintln!("starting the API server again");
        let control_plane = &self.cluster.control_plane;
        self.operator.forget_peak()?;
        control_plane.stop_api_server()?;
        self.etcd.put(&[self.pattern.unseen("scale", LATE)?]).await?;
        control_plane.start_api_server().await?;
        let start = Instant::now();
        let used = processor::used();
        while self.tags.get_status(LATE).await?.status.is_none_or(|status| status.conditions.is_empty()) {
            if start.elapsed() > PATIENCE {
                bail!("nobody has seen to the Tag {LATE} within {PATIENCE:?}");
            }
            sleep(Duration::from_millis(100)).await;
        }
        let seen = start.elapsed();
        processor::until_idle(&self.cluster.program()).await;
        let used = processor::since(&used);
        let (now, peak) = self.operator.memory()?;
        Ok(report::Relist {
            seen_seconds: seen.as_secs_f64(),
            settled_mebibytes: mebibytes(now),
            peak_mebibytes: mebibytes(peak),
            processor_seconds: used,
        })
    }
}
