//! `kubectl tag diff`.

mod choose;
mod compare;
mod show;

use clap::Args;
use tagger_core::generation::Generation;
use tagger_registry::{Inspected, Platform};

use crate::Exit;
use crate::arguments::{Form, OutputFlag, RegistryFlags};
use crate::generations::generation;
use crate::problem::Problem;
use crate::registry::{Registries, inspect};
use crate::session::Session;
use crate::tags;
use compare::{Difference, Side, platforms};

/// Shows what changed between two generations.
#[derive(Clone, Debug, Args)]
pub struct Diff {
    /// The Tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// The older generation; the one before the newer where it is not given
    #[arg(value_name = "A", add = clap_complete::ArgValueCompleter::new(super::completion::generations))]
    pub older: Option<i64>,

    /// The newer generation; the current one where it is not given
    #[arg(value_name = "B", add = clap_complete::ArgValueCompleter::new(super::completion::generations))]
    pub newer: Option<i64>,

    /// The platform whose configuration and layers are compared, of an image for several: linux/amd64
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Diff {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let cluster = session.cluster().await?;
        let tag = tags::find(cluster, &self.name).await?;
        let current = generation(&tag, None)?.generation;
        let history = tag.status.clone().unwrap_or_default().references;
        let (older, newer) = choose::numbers(&self.name, &history, current, (self.older, self.newer))?;
        let (older, newer) = (generation(&tag, Some(older))?, generation(&tag, Some(newer))?);
        let recorded = Difference::between(&cluster.namespace, &self.name, Side::of(older), Side::of(newer));
        let difference = match recorded.same {
            true => recorded,
            false => {
                let registries = Registries::new(session, &self.registries)?;
                let (before, after) = self.look(&registries, older, newer).await?;
                recorded.with(&before, &after)
            }
        };
        match self.output.form {
            Some(form @ (Form::Json | Form::Yaml)) => session.screen.document(form, &difference)?,
            Some(Form::Name) => {
                session.screen.line(&difference.before.image_reference);
                session.screen.line(&difference.after.image_reference);
            }
            Some(Form::Wide) | None => show::show(&difference, session.screen),
        }
        Ok(Exit::Done)
    }

    /// Looks into both images, for one platform that both have.
    async fn look(
        &self,
        registries: &Registries<'_>,
        older: &Generation,
        newer: &Generation,
    ) -> Result<(Inspected, Inspected), Problem> {
        let both = async |platform: Option<&Platform>| {
            tokio::try_join!(inspect(registries, older, platform), inspect(registries, newer, platform))
        };
        let (before, after) = both(self.platform.as_ref()).await?;
        if let Some(platform) = &self.platform {
            if before.image.is_none() && after.image.is_none() {
                let there: Vec<String> = platforms(&before).union(&platforms(&after)).cloned().collect();
                let what =
                    format!("neither generation has an image for {platform}; there are {}", there.join(", "));
                return Err(Problem::Invalid(what, None));
            }
            return Ok((before, after));
        }
        match choose::platform(&platforms(&before), &platforms(&after)) {
            Some(platform) if before.image.is_none() || after.image.is_none() => both(Some(&platform)).await,
            _ => Ok((before, after)),
        }
    }
}
