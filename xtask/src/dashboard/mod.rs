//! The picture of the dashboard: an operator under a load with some failures, read by Prometheus, and each panel of the chart's
//! dashboard drawn from what Prometheus answers to its queries.

mod chart;
mod draw;
mod load;
mod panel;
mod unit;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;
use tagger_testkit::assets::Assets;
use tagger_testkit::prometheus::Prometheus;

use crate::cargo;
use load::Scene;
use panel::Panel;

/// How often the operator is read, in seconds.
const EVERY: u64 = 5;
/// What stands for Grafana's own variable: some readings.
const RATE_INTERVAL: &str = "30s";

/// How the picture is made.
#[derive(Args)]
pub(crate) struct Options {
    /// For how many minutes the operator has something to do
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The file to draw to
    #[arg(long, default_value = "docs/pictures/dashboard.svg")]
    to: PathBuf,
}

/// Makes the picture.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let panels = panel::read(&cargo::root().join("charts/tagger/files/dashboard.json"))?;
    let assets = Assets::obtain().await?;
    let scene = Scene::set(&assets).await?;
    let prometheus = Prometheus::start(&[scene.target()], Duration::from_secs(EVERY)).await?;
    let begun = now()?;
    println!("{} minutes of load", options.minutes);
    scene.play(Duration::from_secs(options.minutes * 60)).await?;
    let window = (begun, now()?);
    let step = ((window.1 - window.0) / 240).max(EVERY);
    let mut drawn = Vec::new();
    for panel in panels {
        let found = evaluate(&prometheus, &panel, window, step).await?;
        drawn.push((panel, found));
    }
    let file = cargo::root().join(&options.to);
    std::fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
    draw::dashboard(&file, &drawn, window)?;
    println!("drawn: {}", file.display());
    Ok(())
}

/// What Prometheus answers to the queries of a panel: each series with what it is called.
async fn evaluate(
    prometheus: &Prometheus,
    panel: &Panel,
    window: (u64, u64),
    step: u64,
) -> Result<Vec<panel::Series>> {
    let mut all = Vec::new();
    for target in &panel.targets {
        let query = target.query.replace("$__rate_interval", RATE_INTERVAL).replace("$job", ".*");
        let found = match panel.is_over_time() {
            true => prometheus.range(&query, window, step).await?,
            false => prometheus.at(&query, window.1).await?,
        };
        for series in found {
            all.push(panel::Series::read(&series, &target.legend)?);
        }
    }
    Ok(all)
}

fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}
