//! The project's own tasks: `cargo xtask <task>`.

mod bench;
mod cargo;
mod chart;
mod dashboard;
mod demo;
mod fuzz;
mod generate;
mod manifests;
mod metrics;
mod plugin;
mod reference;
mod test;

use clap::{Parser, Subcommand};
use tagger_testkit::assets::Assets;

/// The project's own tasks
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Show the main job on a real control plane with real registries, and leave it up to play with
    Demo {
        /// End after the story
        #[arg(long)]
        exit: bool,
    },
    /// Run all tests, on a real control plane with real registries
    Test {
        /// What is given to `cargo test`, such as the name of a test
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Write the files that are made from the code: manifests/, docs/reference/, docs/man/, and parts of charts/tagger
    Generate {
        /// Write nothing; fail where a file is not what the code makes
        #[arg(long)]
        check: bool,
    },
    /// Lint the Helm chart, render it for several versions of Kubernetes, and hold what comes out to their schemas
    Chart(chart::Options),
    /// Draw the picture of the dashboard: an operator under load, read by Prometheus
    Dashboard(dashboard::Options),
    /// Measure the real thing: time, memory, and what registry and API server need by themselves
    Bench {
        #[command(subcommand)]
        what: bench::Bench,
    },
    /// Give hostile input to every reader of what strangers write
    Fuzz(fuzz::Options),
    /// Build the kubectl plugin, and write its archive and its manifest for krew
    Plugin(plugin::Options),
    /// Obtain the binaries that tests and the demo run on: control plane and registry
    Assets,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Demo { exit } => demo::run(exit).await,
        Task::Test { arguments } => test::run(&arguments).await,
        Task::Generate { check } => generate::run(&cargo::root(), check),
        Task::Chart(options) => chart::run(&options),
        Task::Dashboard(options) => dashboard::run(&options).await,
        Task::Bench { what } => bench::run(what).await,
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Plugin(options) => plugin::run(&options),
        Task::Assets => {
            println!("{}", Assets::obtain().await?);
            Ok(())
        }
    }
}
