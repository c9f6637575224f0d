//! `kubectl tag generate`.

use clap::Args;

use crate::Exit;
use crate::arguments::OutputFlag;
use crate::problem::Problem;
use crate::session::Session;

/// Makes Tags for the images of manifests.
#[derive(Clone, Debug, Args)]
pub struct Generate {
    /// A file or a folder of manifests, or - for standard input; may be repeated
    #[arg(long = "filename", short = 'f', value_name = "FILE", required = true)]
    pub files: Vec<std::path::PathBuf>,

    /// Look for manifests in folders within folders as well
    #[arg(long, short = 'R')]
    pub recursive: bool,

    /// Print the manifests as well, changed to name the Tags
    #[arg(long)]
    pub rewrite: bool,

    /// Mirror every generation of the Tags into the cache registry
    #[arg(long)]
    pub cache: bool,

    /// Begin the Tags at generation 0, so that a person upgrades; else they follow by themselves
    #[arg(long)]
    pub numbered: bool,

    /// The namespace of Tags for manifests that name none
    #[arg(skip)]
    pub default_namespace: Option<String>,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Generate {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
