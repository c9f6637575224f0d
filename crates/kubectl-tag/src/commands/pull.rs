//! `kubectl tag pull`.

mod what;

use std::path::{Path, PathBuf};

use clap::Args;
use tagger_core::reference::Reference;
use tagger_registry::{Platform, SaveError, SaveOptions, Saved};

use crate::Exit;
use crate::arguments::RegistryFlags;
use crate::generations::{generation, recorded};
use crate::problem::Problem;
use crate::registry::Registries;
use crate::session::Session;
use crate::tags;
use crate::transfer::{Bar, Kept, THERE, not_saved, told};
use what::{What, named, place};

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
    pub platform: Option<Platform>,

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

impl From<Layout> for tagger_registry::Layout {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::OciDir => Self::OciDir,
            Layout::OciArchive => Self::OciArchive,
            Layout::DockerArchive => Self::DockerArchive,
        }
    }
}

impl Pull {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let registries = Registries::new(session, &self.registries)?;
        let what = self.what(session).await?;
        let path = match &self.path {
            Some(path) => path.clone(),
            None => PathBuf::from(place(&what.called, self.layout)),
        };
        let (bar, layout) = (Bar::new(&what.called), self.layout.into());
        let mut kept = Kept { screen: session.screen, bar: &bar, path: &path, is_done: false };
        let options = SaveOptions {
            layout,
            platform: self.platform.clone(),
            name: what.name.clone(),
            progress: Some(bar.tell()),
        };
        let saved = save(session, &registries, &what, &path, &options).await?;
        kept.is_done = true;
        drop(kept);
        drop(bar);
        session.screen.line(format_args!(
            "{}: {} saved to {} ({})",
            what.shown,
            saved.digest,
            path.display(),
            told(&[(saved.fetched, "fetched"), (saved.present, THERE)]),
        ));
        Ok(Exit::Done)
    }

    async fn what(&self, session: &Session) -> Result<What, Problem> {
        if let Some(image) = named(&self.name, self.generation.is_some())? {
            return Ok(What::of_image(image));
        }
        let tag = tags::find(session.cluster().await?, &self.name).await?;
        let known = generation(&tag, self.generation)?;
        let image = recorded(&known.image_reference)?;
        let origin = known.is_mirrored().then(|| recorded(known.origin())).transpose()?;
        Ok(What::of_tag(&self.name, known, image, origin))
    }
}

/// Saves the image from where it is first; where it can't be had there, from the next place. It is the same by its digest.
async fn save(
    session: &Session,
    registries: &Registries<'_>,
    what: &What,
    path: &Path,
    options: &SaveOptions,
) -> Result<Saved, Problem> {
    let mut from = what.from.iter().peekable();
    let mut outcome = Err(Problem::Invalid(format!("{} is nowhere", what.shown), None));
    while let Some(image) = from.next() {
        outcome = save_from(registries, image, path, options).await;
        match (&outcome, from.peek()) {
            // What is wrong with the disk, or with what was asked for, is so wherever the image comes from.
            (Err(Problem::Invalid(..) | Problem::File(..)), _) => break,
            (Err(problem), Some(next)) => {
                session.screen.note(format_args!("warning: {problem}; it is taken from {next}"));
            }
            _ => break,
        }
    }
    outcome
}

async fn save_from(
    registries: &Registries<'_>,
    image: &Reference,
    path: &Path,
    options: &SaveOptions,
) -> Result<Saved, Problem> {
    let client = registries.client(image).await?;
    let saved: Result<Saved, SaveError> = client.save(image, path, options).await;
    saved.map_err(|error| not_saved(&error))
}
