//! `kubectl tag retag`.

use clap::Args;

use crate::Exit;
use crate::arguments::{DryRunFlag, OutputFlag, RegistryFlags};
use crate::problem::Problem;
use crate::session::Session;

/// Gives a generation another tag.
#[derive(Clone, Debug, Args)]
pub struct Retag {
    /// The Tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// The new tags; {digest:12}, {date}, {time}, {generation} and {tag} are filled in
    #[arg(value_name = "NEW", required = true)]
    pub tags: Vec<String>,

    /// The generation; the current one where it is not given
    #[arg(long, short, value_name = "NUMBER", add = clap_complete::ArgValueCompleter::new(super::completion::generations))]
    pub generation: Option<i64>,

    /// Tag the copy in the cache, and not the image in its source
    #[arg(long)]
    pub cache: bool,

    /// Move a tag that is there and points at something else
    #[arg(long)]
    pub force: bool,

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

impl Retag {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
