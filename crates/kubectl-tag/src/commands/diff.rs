//! `kubectl tag diff`.

use clap::Args;

use crate::Exit;
use crate::arguments::{OutputFlag, RegistryFlags};
use crate::problem::Problem;
use crate::session::Session;

/// Shows what changed between two generations.
#[derive(Clone, Debug, Args)]
pub struct Diff {
    /// The Tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// The older generation; the one before the newer where it is not given
    #[arg(value_name = "A", add = clap_complete::ArgValueCompleter::new(super::completion::generations))]
    pub older: Option<i64>,

    /// The newer generation; the current one where it is not given
    #[arg(value_name = "B", add = clap_complete::ArgValueCompleter::new(super::completion::generations))]
    pub newer: Option<i64>,

    /// The platform whose configuration and layers are compared, of an image for several: linux/amd64
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Diff {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
