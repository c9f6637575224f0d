//! `kubectl tag history`.

use clap::Args;

use crate::Exit;
use crate::arguments::OutputFlag;
use crate::problem::Problem;
use crate::session::Session;

/// Shows the generations of a Tag.
#[derive(Clone, Debug, Args)]
pub struct History {
    /// The Tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl History {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
