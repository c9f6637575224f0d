//! Cold Tags: from the first `create` to the last Ready, on real parts.

mod ceiling;
mod images;
mod report;
mod stage;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use kube::Api;
use kube::api::PostParams;
use tagger_api::{Tag, TagSpec};
use tokio::time::sleep;

use super::arrivals::Arrivals;
use super::cluster;
use super::crowd::each;
use super::processor;
use images::Pushed;
use report::{Report, Sample};
use stage::Stage;

/// How long the operator is left alone before its memory is read.
const REST: Duration = Duration::from_secs(2);

/// The flags of `bench tags`.
#[derive(Args)]
pub(crate) struct Options {
    /// How many Tags are created
    #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// How often it is measured; the figures are the medians
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// Have every Tag mirrored into a cache registry
    #[arg(long)]
    cached: bool,
    /// Another build of the operator to measure, such as that of an older commit
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    /// A file that the figures are written to as JSON, besides
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let count = usize::try_from(options.count)?;
    let stage = Stage::set(options.operator.as_deref(), options.cached).await?;
    let images = Arc::new(images::push(&stage.registry, count).await?);
    let mut samples = Vec::new();
    for run in 1..=options.repeat {
        eprintln!("run {run} of {}", options.repeat);
        samples.push(sample(&stage, &images, run, run == options.repeat).await?);
    }
    let report =
        Report::new(count, options.cached, stage.cluster.control_plane.version().to_string(), &samples);
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))?;
    }
    println!("\n{report}");
    Ok(())
}

/// One run, with an operator that knows nothing yet.
async fn sample(stage: &Stage, images: &Arc<Vec<Pushed>>, run: u32, last: bool) -> Result<Sample> {
    let tags = stage.cluster.namespace(&format!("run-{run}")).await?;
    let namespace = stage.cluster.namespace(&format!("alone-{run}")).await?;
    eprintln!("the registry by itself");
    let before = ceiling::of_registry(&stage.registry, images).await?;
    eprintln!("the operator, idle");
    let operator = stage.operator().await?;
    sleep(REST).await;
    let (idle, _) = operator.memory()?;
    let arrivals = Arrivals::open(&tags).await?;

    eprintln!("the Tags");
    let (host, cached) = (stage.registry.address(), stage.cache.is_some());
    let creator = Creator { tags: tags.clone(), images: images.clone(), host, cached };
    let used = processor::used();
    let start = Instant::now();
    each(images.len(), creator, create).await?;
    let created = start.elapsed();
    let last_ready = arrivals.of(images.len()).await.with_context(|| cluster::log_of(&operator))?;
    let ready = last_ready.duration_since(start);
    let processor = processor::since(&used);
    eprintln!("all Ready after {ready:.2?}");

    sleep(REST).await;
    let (settled, peak) = operator.memory()?;
    operator.stop()?;
    operator.start_again().await?;
    sleep(REST).await;
    let (_, restarted) = operator.memory()?;
    operator.stop()?;
    let like = arrivals.tags();
    drop(arrivals);

    eprintln!("the registry by itself, again, and the API server by itself");
    stage.take_webhooks_away().await?;
    let used = processor::used();
    let after = ceiling::of_registry(&stage.registry, images).await?;
    let writes = ceiling::of_api_server(&namespace, like).await?;
    let alone = processor::since(&used);
    if !last {
        eprintln!("tidying up");
        stage::empty(&tags).await?;
        stage::empty(&namespace).await?;
    }
    Ok(Sample {
        created,
        ready,
        registry: [before, after],
        writes,
        idle,
        peak,
        settled,
        restarted,
        processor,
        alone,
    })
}

/// Who creates the Tags.
struct Creator {
    tags: Api<Tag>,
    images: Arc<Vec<Pushed>>,
    host: String,
    cached: bool,
}

/// Creates the Tag of an image.
async fn create(creator: Arc<Creator>, number: usize) -> Result<()> {
    let image = &creator.images[number];
    let from = format!("{}/{}:{}", creator.host, image.repository, image.tag);
    let tag = Tag::new(
        &format!("tag-{number}"),
        TagSpec { from, cache: creator.cached.then_some(true), ..TagSpec::default() },
    );
    creator.tags.create(&PostParams::default(), &tag).await.context("create a Tag")?;
    Ok(())
}
