//! `kubectl tag outdated`.

use clap::Args;

use crate::Exit;
use crate::arguments::{OutputFlag, RegistryFlags, Selection};
use crate::problem::Problem;
use crate::session::Session;

/// Shows which Tags are behind their registry.
#[derive(Clone, Debug, Args)]
pub struct Outdated {
    /// Which Tags.
    #[command(flatten)]
    pub selection: Selection,

    /// End with exit code 3 where any Tag is outdated
    #[arg(long)]
    pub exit_code: bool,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Outdated {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
