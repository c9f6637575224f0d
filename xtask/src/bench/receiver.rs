//! Push notifications, many at once: how fast they are taken, what they cost, and how little they lead to.

mod load;
mod report;
mod scene;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use tagger_testkit::assets::Assets;

use super::arrivals::Arrivals;
use super::cluster::{self, Cluster};
use super::farm::Farm;
use super::writes::Writes;
use load::Door;
use report::Report;
use scene::{Event, QUIET, Scene};

/// What the notifications of the benchmark are let in by.
const SECRET: &str = "a-word-that-only-the-benchmark-knows";

/// The flags of `bench receiver`.
#[derive(Args)]
pub(crate) struct Options {
    /// How many Tags there are, each with an image of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tags: u32,
    /// How many equal notifications come at once
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    burst: u32,
    /// Over how many connections notifications come
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: u32,
    /// Another build of the operator to measure, such as that of an older commit
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    /// A file that the figures are written to as JSON, besides
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let (count, burst) = (usize::try_from(options.tags)?, usize::try_from(options.burst)?);
    let writes = Writes::new()?;
    let cluster =
        Cluster::set(&Assets::obtain().await?, &writes.options(), options.operator.as_deref()).await?;
    let secret = format!("--from-literal=distribution={SECRET}");
    let create = ["create", "secret", "generic", "tagger-receiver", "--namespace=tagger", &secret];
    cluster.control_plane.kubectl().run(&create).await?;
    let farm = Farm::start(1, count).await?;
    let operator = cluster.operator(&farm.flags()).await?;
    let tags = cluster.namespace("receiver").await?;
    let arrivals = Arrivals::open(&tags).await?;
    farm.follow(&tags, None).await?;
    arrivals.of(count).await.with_context(|| cluster::log_of(&operator))?;
    writes.settle(QUIET).await?;
    let url = format!("{}/distribution", operator.receiver()).parse()?;
    let door = Arc::new(Door { url, secret: SECRET.to_owned() });
    let connections = usize::try_from(options.connections)?;
    let scene = Scene { farm, operator, arrivals, writes, door, connections };

    let mut figures = Vec::new();
    let notifications = scene.of_each(count, 0)?;
    figures
        .push(scene.measure(Event { name: "each Tag's, none moved", notifications, awaited: None }).await?);
    for number in 0..count {
        scene.farm.move_to(number, 1)?;
    }
    let (notifications, awaited) = (scene.of_each(count, 1)?, Some((1, count)));
    figures.push(scene.measure(Event { name: "each Tag's, all moved", notifications, awaited }).await?);
    let digest = scene.farm.move_to(0, 2)?;
    let notifications = (0..burst).map(|id| scene.notification(id, 0, &digest)).collect();
    let awaited = Some((2, 1));
    figures.push(scene.measure(Event { name: "one Tag's, it moved", notifications, awaited }).await?);

    let report = Report::new(count, connections, cluster.control_plane.version().to_string(), figures);
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))?;
    }
    println!("\n{report}");
    Ok(())
}
