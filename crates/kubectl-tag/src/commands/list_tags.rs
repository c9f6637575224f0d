//! `kubectl tag list-tags`.

use clap::Args;

use crate::Exit;
use crate::arguments::{OutputFlag, RegistryFlags};
use crate::problem::Problem;
use crate::session::Session;

/// Lists the tags of a repository.
#[derive(Clone, Debug, Args)]
pub struct ListTags {
    /// The Tag, or an image: host/path
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// Only the tags that the policy of the Tag could choose
    #[arg(long)]
    pub candidates: bool,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl ListTags {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
