//! Copies from registry to registry, beside those of skopeo: time, processor, memory, requests, bytes.

mod cost;
mod images;
mod report;
mod scenario;
mod stage;
mod tool;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use report::{Report, Run};
use scenario::Scenario;
use stage::{Place, Stage};
use tool::Tool;

/// The flags of `bench mirror`.
#[derive(Args)]
pub(crate) struct Options {
    /// How often it is measured; the figures are the medians
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// How large each of the ten layers of the large image is, in MiB
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1024))]
    layer: u32,
    /// How many images share their layers
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    images: u32,
    /// Another build of the operator to measure, such as that of an older commit
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    /// A file that the figures are written to as JSON, besides
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let stage = Stage::set(options).await?;
    let mut runs = Vec::new();
    for number in 1..=options.repeat {
        // In turn, and each goes first as often as the other: what the machine does besides hits both.
        let mut tools = [Tool::Tagger, Tool::Skopeo];
        if number % 2 == 0 {
            tools.reverse();
        }
        for tool in tools {
            eprintln!("run {number} of {}: {tool}", options.repeat);
            runs.extend(measure(&stage, tool).await?);
        }
    }
    for tool in [Tool::Tagger, Tool::Skopeo] {
        eprintln!("what {tool} asks registries for");
        runs.extend(count(&stage, tool).await?);
    }
    let report = Report::new(stage.size(), options.repeat, &runs);
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))?;
    }
    println!("\n{report}");
    Ok(())
}

/// Times a tool with each scenario, straight between the registries.
async fn measure(stage: &Stage, tool: Tool) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    let destination = stage.destination().await?;
    for scenario in Scenario::ALL {
        let pairs = match scenario {
            Scenario::Sink => stage.pairs(scenario, stage.memory.address(), stage.sink.address()),
            _ => stage.pairs(scenario, stage.registry.address(), destination.address()),
        };
        let cost =
            cost::of(tool.commands(stage, &pairs)?).await.with_context(|| format!("{tool}: {scenario}"))?;
        eprintln!("  {scenario}: {:.2} s", cost.wall);
        runs.push(Run { tool, scenario, cost: Some(cost), count: None });
        stage.sink.reset();
    }
    Ok(runs)
}

/// Counts what a tool asks for and moves with each scenario, through proxies, and that it arrives.
async fn count(stage: &Stage, tool: Tool) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    let registry = stage.destination().await?;
    let source = Place::before(&stage.registry).await?;
    let destination = Place::before(&registry).await?;
    for scenario in Scenario::ALL.into_iter().filter(|scenario| *scenario != Scenario::Sink) {
        let pairs = stage.pairs(scenario, source.address(), destination.address());
        cost::of(tool.commands(stage, &pairs)?).await.with_context(|| format!("{tool}: {scenario}"))?;
        let count = Some([source.count(), destination.count()]);
        runs.push(Run { tool, scenario, cost: None, count });
        stage.check(scenario, &registry).await.with_context(|| format!("{tool}: {scenario}"))?;
    }
    Ok(runs)
}
