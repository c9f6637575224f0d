//! `kubectl tag pull`.

use clap::Args;

use crate::Exit;
use crate::arguments::RegistryFlags;
use crate::problem::Problem;
use crate::session::Session;

/// Saves an image to disk.
#[derive(Clone, Debug, Args)]
pub struct Pull {
    /// The Tag, or an image: host/path:tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// Where to save it; NAME, or NAME.tar, in this folder where it is not given
    #[arg(value_name = "PATH")]
    pub path: Option<std::path::PathBuf>,

    /// The generation; the current one where it is not given
    #[arg(long, short, value_name = "NUMBER", add = clap_complete::ArgValueCompleter::new(super::completion::generations))]
    pub generation: Option<i64>,

    /// How it is laid out
    #[arg(long = "output", short = 'o', value_name = "LAYOUT", default_value = "oci-dir")]
    pub layout: Layout,

    /// Only this platform, of an image for several: linux/amd64; needed for docker-archive
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,
}

/// How an image is laid out on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// A folder, by the OCI image layout.
    OciDir,
    /// The same in a tar file.
    OciArchive,
    /// A tar file as docker save makes it, for docker load.
    DockerArchive,
}

impl Pull {
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
