//! `kubectl tag completion`: what shells and kubectl need to complete this command.

use std::ffi::OsStr;

use clap::Args;
use clap_complete::CompletionCandidate;

use crate::Exit;
use crate::problem::Problem;
use crate::session::Session;

/// Prints what a shell needs to complete the command.
#[derive(Clone, Debug, Args)]
pub struct Completion {
    /// For whom
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Who completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// bash, for kubectl-tag typed by itself.
    Bash,
    /// zsh, likewise.
    Zsh,
    /// fish, likewise.
    Fish,
    /// kubectl's own completion of kubectl tag, in any shell: a file kubectl_complete-tag.
    Kubectl,
}

impl Completion {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}

/// The Tags of the namespace.
pub(crate) fn tag_names(_current: &OsStr) -> Vec<CompletionCandidate> {
    Vec::new()
}

/// The generations of the Tag that was named before.
pub(crate) fn generations(_current: &OsStr) -> Vec<CompletionCandidate> {
    Vec::new()
}

/// The annotated workloads of the namespace.
pub(crate) fn workloads(_current: &OsStr) -> Vec<CompletionCandidate> {
    Vec::new()
}
