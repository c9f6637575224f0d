//! `kubectl tag copy`.

use clap::Args;

use crate::Exit;
use crate::arguments::{DryRunFlag, OutputFlag, RegistryFlags};
use crate::problem::Problem;
use crate::session::Session;

/// Copies an image from one registry to another.
#[derive(Clone, Debug, Args)]
pub struct Copy {
    /// The image to copy: host/path:tag, or host/path@digest
    #[arg(value_name = "SOURCE")]
    pub source: tagger_core::reference::Reference,

    /// Where to copy it to, and under which tag: host/path:tag
    #[arg(value_name = "DESTINATION")]
    pub destination: tagger_core::reference::Reference,

    /// Copy signatures, SBOMs and attestations as well
    #[arg(long)]
    pub referrers: bool,

    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunFlag,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Copy {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
