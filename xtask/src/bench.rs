//! What the project is measured by: `cargo xtask bench <what>`.

mod admission;
mod arrivals;
pub(crate) mod cluster;
mod crowd;
mod failover;
mod farm;
mod figures;
mod goals;
mod mirror;
mod plugin;
mod poll;
mod processor;
mod push;
mod receiver;
mod rollout;
mod scale;
mod stored;
mod tags;
mod writes;

use anyhow::Result;
use clap::Subcommand;

use crate::cargo;

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Measure the admission webhook: how fast it answers, its memory, what it adds to a write through the API server, and
    /// whether registries that hang matter to it
    Admission(admission::Options),
    /// Measure how long cold Tags take to be Ready, beside what registry and API server need for the same requests by
    /// themselves, and the operator's memory
    Tags(tags::Options),
    /// Measure copies from registry to registry, beside those of skopeo: time, processor time, memory, requests and bytes
    Mirror(mirror::Options),
    /// Measure the polling of many Tags at many registries: requests, lateness, memory, what one registry that is down does
    /// to the others, and what a new operator asks for
    Poll(poll::Options),
    /// Measure push notifications, for each of many Tags and many for one: how fast they are answered, what they lead to at
    /// the registry and at the API server, and the operator's memory
    Receiver(receiver::Options),
    /// Measure `kubectl tag status` beside `kubectl get tags`, and the size of the plugin
    Plugin(plugin::Options),
    /// Measure from a push, and from a poll, to the Deployment that runs the image
    Push(push::Options),
    /// Measure the roll-out of one Tag to very many Deployments, and what another user of the API server has of it
    Rollout(rollout::Options),
    /// Measure how long it takes until another replica reconciles, when the one that does so goes or is killed, and whether
    /// anything is done twice
    Failover(failover::Options),
    /// Measure an operator of very many Tags: memory, start, a list anew, and what it uses while nothing happens
    Scale(scale::Options),
}

/// Measures a release build, by a program that is as fast: a slow one would be what is measured.
pub(crate) async fn run(what: Bench) -> Result<()> {
    if cfg!(debug_assertions) {
        return again();
    }
    match what {
        Bench::Admission(options) => admission::run(&options).await,
        Bench::Tags(options) => tags::run(&options).await,
        Bench::Mirror(options) => mirror::run(&options).await,
        Bench::Poll(options) => poll::run(&options).await,
        Bench::Receiver(options) => receiver::run(&options).await,
        Bench::Plugin(options) => plugin::run(&options).await,
        Bench::Push(options) => push::run(&options).await,
        Bench::Rollout(options) => rollout::run(&options).await,
        Bench::Failover(options) => failover::run(&options).await,
        Bench::Scale(options) => scale::run(&options).await,
    }
}

/// Runs this very task again, by a fast build of this program.
fn again() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments = vec!["run", "--profile", "measure", "--package", "xtask", "--"];
    arguments.extend(given.iter().map(String::as_str));
    cargo::cargo(&arguments)
}
