//! `kubectl tag explain`.

use clap::Args;

use crate::Exit;
use crate::arguments::OutputFlag;
use crate::problem::Problem;
use crate::session::Session;

/// Says which container follows which Tag, and why.
#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// The workload: deployment/NAME, or the kind and the name
    #[arg(value_name = "WORKLOAD", required = true, num_args = 1..=2, add = clap_complete::ArgValueCompleter::new(super::completion::workloads))]
    pub workload: Vec<String>,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Explain {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
