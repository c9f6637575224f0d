//! `kubectl tag suspend`.

use clap::Args;

use crate::Exit;
use crate::arguments::{DryRunFlag, OutputFlag, Selection};
use crate::problem::Problem;
use crate::session::Session;
use crate::steering::{Steer, Step};

/// Leaves Tags as they are.
#[derive(Clone, Debug, Args)]
pub struct Suspend {
    /// Which Tags.
    #[command(flatten)]
    pub selection: Selection,

    /// All Tags of the namespace
    #[arg(long)]
    pub all: bool,

    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunFlag,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Suspend {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let steer = Steer { dry_run: self.dry_run, output: self.output, wait: None };
        steer.many(session, &self.selection, self.all, Step::Suspend).await
    }
}
