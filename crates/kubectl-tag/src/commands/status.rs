//! `kubectl tag status`.

use clap::Args;

use crate::Exit;
use crate::arguments::{OutputFlag, Selection};
use crate::problem::Problem;
use crate::session::Session;

/// Shows where Tags are.
#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Which Tags.
    #[command(flatten)]
    pub selection: Selection,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Status {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
