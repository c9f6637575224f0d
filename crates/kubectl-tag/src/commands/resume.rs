//! `kubectl tag resume`.

use clap::Args;

use crate::Exit;
use crate::arguments::{DryRunFlag, OutputFlag, Selection, WaitFlags};
use crate::problem::Problem;
use crate::session::Session;
use crate::steering::{Steer, Step};

/// Has suspended Tags go on.
#[derive(Clone, Debug, Args)]
pub struct Resume {
    /// Which Tags.
    #[command(flatten)]
    pub selection: Selection,

    /// All Tags of the namespace
    #[arg(long)]
    pub all: bool,

    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunFlag,

    /// Whether to wait.
    #[command(flatten)]
    pub wait: WaitFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Resume {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let steer = Steer { dry_run: self.dry_run, output: self.output, wait: Some(self.wait) };
        steer.many(session, &self.selection, self.all, Step::Resume).await
    }
}
