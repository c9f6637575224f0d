//! `kubectl tag retag`.

mod template;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use tagger_core::generation::Generation;
use tagger_core::reference::{Digest, Reference, TagName};
use tagger_registry::{Client, Fault};

use crate::Exit;
use crate::arguments::{DryRunFlag, Form, OutputFlag, RegistryFlags};
use crate::generations::{generation, recorded};
use crate::problem::Problem;
use crate::registry::{Registries, problem};
use crate::screen::short;
use crate::session::Session;
use crate::tags;
use template::{Facts, fill};

/// Gives a generation another tag.
#[derive(Clone, Debug, Args)]
pub struct Retag {
    /// The Tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// The new tags; {digest:12}, {short}, {date}, {date:%Y%m%d}, {time}, {generation} and {tag} are filled in, in UTC
    #[arg(value_name = "NEW", required = true)]
    pub tags: Vec<String>,

    /// The generation; the current one where it is not given
    #[arg(long, short, value_name = "NUMBER", add = clap_complete::ArgValueCompleter::new(super::completion::generations))]
    pub generation: Option<i64>,

    /// Tag the copy in the cache, and not the image in its source
    #[arg(long)]
    pub cache: bool,

    /// Move a tag that is there and points at something else
    #[arg(long)]
    pub force: bool,

    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunFlag,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

/// What came of one new tag.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Retagged {
    /// The image by its new tag.
    reference: String,
    digest: Digest,
    generation: i64,
    outcome: Outcome,
    /// What the tag pointed at before, where it was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_from: Option<Digest>,
    /// Whether nothing was changed, since it was only tried.
    dry_run: bool,
}

/// What became of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Outcome {
    /// It is new.
    Tagged,
    /// It pointed at something else.
    Moved,
    /// It pointed there already.
    Unchanged,
}

impl Retag {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let tag = tags::find(session.cluster().await?, &self.name).await?;
        let known = generation(&tag, self.generation)?;
        let (image, digest) = self.image(known)?;
        let new = self.new_tags(known, &digest)?;
        let registries = Registries::new(session, &self.registries)?;
        let client = registries.client(&image).await?;
        // All are looked at before any is changed.
        let mut planned = Vec::new();
        for tag in &new {
            planned.push((tag, self.plan(&client, &image, tag, &digest, known.generation).await?));
        }
        for (tag, plan) in &planned {
            if plan.outcome != Outcome::Unchanged && !plan.dry_run {
                client.tag(&image, tag).await.map_err(|error| problem(&error))?;
            }
        }
        self.show(session, planned.into_iter().map(|(_, plan)| plan).collect())
    }

    /// The image that is tagged, by its digest.
    fn image(&self, known: &Generation) -> Result<(Reference, Digest), Problem> {
        if self.cache && !known.is_mirrored() {
            let what =
                format!("generation {} of the Tag {:?} is not in the cache", known.generation, self.name);
            return Err(Problem::NoStep(
                what,
                Some("leave --cache out to tag it where it came from".to_owned()),
            ));
        }
        let name = if self.cache { &known.image_reference } else { known.origin() };
        let image = recorded(name)?;
        match image.digest().cloned() {
            Some(digest) => Ok((image, digest)),
            None => {
                Err(Problem::Invalid(format!("generation {} has no digest: {image}", known.generation), None))
            }
        }
    }

    fn new_tags(&self, known: &Generation, digest: &Digest) -> Result<Vec<TagName>, Problem> {
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        let facts = Facts { digest, generation: known.generation, tag: known.tag.as_deref(), now };
        let mut new: Vec<TagName> = Vec::new();
        for pattern in &self.tags {
            let tag = fill(pattern, &facts).map_err(|wrong| Problem::Invalid(wrong.to_string(), None))?;
            if !new.contains(&tag) {
                new.push(tag);
            }
        }
        Ok(new)
    }

    async fn plan(
        &self,
        client: &Client,
        image: &Reference,
        tag: &TagName,
        digest: &Digest,
        generation: i64,
    ) -> Result<Retagged, Problem> {
        let reference = image.with_tag(tag);
        let there = match client.digest(&reference).await {
            Ok(there) => Some(there),
            Err(error) if *error.fault() == Fault::NotFound => None,
            Err(error) => return Err(problem(&error)),
        };
        let outcome = match &there {
            None => Outcome::Tagged,
            Some(there) if there == digest => Outcome::Unchanged,
            Some(_) if self.force => Outcome::Moved,
            Some(there) => {
                let what = format!(
                    "{reference} is there and points at {}, not at {}, which is generation {generation}",
                    short(there.as_str()),
                    short(digest.as_str()),
                );
                return Err(Problem::Registry(what, Some("--force moves it".to_owned())));
            }
        };
        Ok(Retagged {
            reference: reference.to_string(),
            digest: digest.clone(),
            generation,
            outcome,
            moved_from: there.filter(|_| outcome == Outcome::Moved),
            dry_run: self.dry_run.dry_run.is_some(),
        })
    }

    fn show(&self, session: &Session, done: Vec<Retagged>) -> Result<Exit, Problem> {
        match self.output.form {
            Some(form @ (Form::Json | Form::Yaml)) => session.screen.document(form, &done)?,
            Some(Form::Name) => done.iter().for_each(|one| session.screen.line(&one.reference)),
            Some(Form::Wide) | None => done.iter().for_each(|one| session.screen.line(sentence(one))),
        }
        Ok(Exit::Done)
    }
}

/// What came of a tag, as kubectl would say it.
fn sentence(one: &Retagged) -> String {
    let (generation, digest) = (one.generation, short(one.digest.as_str()));
    let dry = if one.dry_run { " (dry run)" } else { "" };
    match (&one.outcome, &one.moved_from) {
        (Outcome::Unchanged, _) => format!("{} is generation {generation} already ({digest})", one.reference),
        (Outcome::Moved, Some(before)) => {
            let before = short(before.as_str());
            format!("{} moved from {before} to generation {generation} ({digest}){dry}", one.reference)
        }
        _ => format!("{} tagged as generation {generation} ({digest}){dry}", one.reference),
    }
}
