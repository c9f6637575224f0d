//! `kubectl tag unpin`.

use clap::Args;

use crate::Exit;
use crate::arguments::{DryRunFlag, OutputFlag, WaitFlags};
use crate::problem::Problem;
use crate::session::Session;
use crate::steering::{Steer, Step};

/// Has a Tag follow again.
#[derive(Clone, Debug, Args)]
pub struct Unpin {
    /// The Tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

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

impl Unpin {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let steer = Steer { dry_run: self.dry_run, output: self.output, wait: Some(self.wait) };
        steer.one(session, &self.name, |_| Ok(Step::Follow)).await
    }
}
