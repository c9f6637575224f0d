//! The project's own tasks: `cargo xtask <task>`.

use clap::{Parser, Subcommand};
use tagger_testkit::assets::Assets;

/// The project's own tasks.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Obtain the control plane and registry binaries that tests and the demo run on
    Assets,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Assets => {
            let assets = Assets::obtain().await?;
            println!("{assets}");
            Ok(())
        }
    }
}
