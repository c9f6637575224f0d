//! Many Tags that are polled at many registries: what registries, API server and operator have of it, and whether one
//! registry that is down holds up the others.

mod phase;
mod report;
mod restart;
mod rhythm;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tagger_api::tag::Track;
use tagger_testkit::assets::Assets;
use tagger_testkit::proxy::{Fault, Match};
use tokio::time::sleep;

use super::arrivals::Arrivals;
use super::cluster::{self, Cluster};
use super::farm::Farm;
use super::writes::Writes;
use phase::Phases;
use report::Report;

/// How long a registry that refuses everything says that one is to wait.
const RETRY_AFTER: &str = "20";

/// How long nothing is written once the Tags are Ready.
const QUIET: Duration = Duration::from_secs(3);

/// The flags of `bench poll`.
#[derive(Args)]
pub(crate) struct Options {
    /// How many Tags are polled
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tags: u32,
    /// Over how many registries they are spread
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    registries: u32,
    /// How often each Tag is polled, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(30..=3600))]
    interval: u32,
    /// How long each state of the registries is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
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
    let registries = usize::try_from(options.registries)?;
    let interval = Duration::from_secs(options.interval.into());
    ensure!(registries <= count, "there are more registries than Tags");
    let writes = Writes::new()?;
    let cluster =
        Cluster::set(&Assets::obtain().await?, &writes.options(), options.operator.as_deref()).await?;
    let farm = Farm::start(registries, count).await?;
    let operator = cluster.operator(&farm.flags()).await?;
    let tags = cluster.namespace("poll").await?;
    let arrivals = Arrivals::open(&tags).await?;
    let track = Track { interval: Some(format!("{}s", options.interval)), ..Track::default() };
    farm.follow(&tags, Some(track)).await?;
    arrivals.of(count).await.with_context(|| cluster::log_of(&operator))?;
    drop(arrivals);

    eprintln!("all Ready; waiting until each was polled once");
    writes.settle(QUIET).await?;
    let measuring = Duration::from_secs(options.seconds.into());
    let mut phases = Phases::new(&farm, &writes, &operator, cluster.program(), interval);
    phases.forget_while(sleep(interval)).await;
    let mut figures = vec![phases.measure("all are sound", measuring, None).await?];
    // One that is the only one has no others to hold up.
    for (name, fault) in [
        ("one hangs", Fault::never()),
        ("one answers 429", Fault::status(429).header("Retry-After", RETRY_AFTER)),
    ] {
        let sick = &farm.sources[0];
        sick.proxy().fault(Match::any(), fault);
        figures.push(phases.measure(name, measuring, Some(0)).await?);
        sick.proxy().heal();
    }
    let restart = restart::measure(&farm, &operator, interval).await?;
    let kubernetes = cluster.control_plane.version().to_string();
    let report = Report::new(count, registries, interval, kubernetes, figures, restart);
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))?;
    }
    println!("\n{report}");
    Ok(())
}
