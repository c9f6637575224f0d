//! The plugin beside kubectl itself: how long `kubectl tag status` takes from its start to its end, and how large the program is.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::ControlPlaneOptions;
use tokio::process::Command;

use super::cluster::Cluster;
use super::figures::median;
use crate::cargo;

/// The flags of `bench plugin`.
#[derive(Args)]
pub(crate) struct Options {
    /// How many Tags the namespace has
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    tags: u32,
    /// How often each command is run, in turn
    #[arg(long, value_name = "NUMBER", default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
}

/// Measures, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let plugin = cargo::plugin()?;
    let assets = Assets::obtain().await?;
    let cluster = Cluster::set(&assets, &ControlPlaneOptions::default(), None).await?;
    cluster.namespace("plugin").await?;
    let items: Vec<_> = (0..options.tags)
        .map(|number| {
            json!({
                "apiVersion": "images.io/v1", "kind": "Tag",
                "metadata": { "name": format!("tag-{number}"), "namespace": "plugin" },
                "spec": { "from": format!("registry.example.com/company/image-{number}:latest") },
            })
        })
        .collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string();
    cluster.control_plane.kubectl().apply(&list).await?;
    let kubectl = cluster.control_plane.kubectl();
    let timed = async |words: &[&str]| -> Result<f64> {
        let mut command = Command::new(&kubectl.binary);
        command.args(words).args(["--namespace", "plugin", "--kubeconfig"]).arg(&kubectl.kubeconfig);
        command.env("PATH", path_with(plugin.parent().unwrap_or(Path::new("."))));
        let start = Instant::now();
        let output = command.output().await.context("run kubectl")?;
        let took = start.elapsed().as_secs_f64() * 1000.0;
        let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
        ensure!(
            output.status.success() && lines > usize::try_from(options.tags)?,
            "kubectl {} failed: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(took)
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..options.times {
        ours.push(timed(&["tag", "status"]).await?);
        theirs.push(timed(&["get", "tags"]).await?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let size = std::fs::metadata(&plugin).with_context(|| format!("look at {}", plugin.display()))?.len();
    println!("\nkubectl tag status, {} Tags: median {ours:.0} ms", options.tags);
    println!("kubectl get tags, the same:  median {theirs:.0} ms; ours is {:.2} of it", ours / theirs);
    println!("{}: {size} bytes", plugin.display());
    Ok(())
}

fn path_with(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}
