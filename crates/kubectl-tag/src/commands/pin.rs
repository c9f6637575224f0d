//! `kubectl tag pin`.

use clap::Args;

use crate::Exit;
use crate::arguments::{DryRunFlag, OutputFlag, WaitFlags};
use crate::problem::Problem;
use crate::session::Session;
use crate::steering::{Steer, step};

/// Holds a Tag at one generation.
#[derive(Clone, Debug, Args)]
pub struct Pin {
    /// The Tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// The generation; the current one where it is not given
    #[arg(long, short, value_name = "NUMBER", add = clap_complete::ArgValueCompleter::new(super::completion::generations))]
    pub generation: Option<i64>,

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

impl Pin {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let steer = Steer { dry_run: self.dry_run, output: self.output, wait: Some(self.wait) };
        steer.one(session, &self.name, |tag| step::pin(tag, self.generation)).await
    }
}
