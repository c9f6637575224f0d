//! `kubectl tag push`.

use clap::Args;

use crate::Exit;
use crate::arguments::{DryRunFlag, OutputFlag, RegistryFlags, WaitFlags};
use crate::problem::Problem;
use crate::session::Session;

/// Makes an image from disk a generation in the cache.
#[derive(Clone, Debug, Args)]
pub struct Push {
    /// The Tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// The image: a folder or archive of OCI, or an archive of docker save
    #[arg(value_name = "PATH")]
    pub path: std::path::PathBuf,

    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunFlag,

    /// Whether to wait.
    #[command(flatten)]
    pub wait: WaitFlags,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Push {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
