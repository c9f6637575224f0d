//! What the project is measured by: `cargo xtask bench <what>`.

mod crowd;
mod figures;
mod mirror;
mod processor;
mod tags;

use anyhow::Result;
use clap::Subcommand;

use crate::cargo;

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Measure how long cold Tags take to be Ready, beside what registry and API server need for the same requests by
    /// themselves, and the operator's memory
    Tags(tags::Options),
    /// Measure copies from registry to registry, beside those of skopeo: time, processor time, memory, requests and bytes
    Mirror(mirror::Options),
}

/// Measures, with release builds: a slow measuring program would be what is measured.
pub(crate) async fn run(what: Bench) -> Result<()> {
    if cfg!(debug_assertions) {
        return in_release();
    }
    match what {
        Bench::Tags(options) => tags::run(&options).await,
        Bench::Mirror(options) => mirror::run(&options).await,
    }
}

/// Runs this very task again, by a release build of this program.
fn in_release() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments = vec!["run", "--release", "--package", "xtask", "--"];
    arguments.extend(given.iter().map(String::as_str));
    cargo::cargo(&arguments)
}
