//! `kubectl tag list-tags`.

mod mark;
mod natural;

use clap::Args;
use tagger_api::Tag;
use tagger_core::policy::Choice;
use tagger_core::reference::Reference;
use tagger_registry::{Client, NotChosen};

use crate::Exit;
use crate::arguments::{Form, OutputFlag, RegistryFlags};
use crate::generations::{choice, recorded};
use crate::problem::Problem;
use crate::registry::{Registries, problem, problem_of_repository};
use crate::screen::{FAINT, GOOD};
use crate::session::Session;
use crate::tags;
use mark::{Facts, Listed, Marked, mark};

/// Lists the tags of a repository.
#[derive(Clone, Debug, Args)]
pub struct ListTags {
    /// The Tag, or an image: host/path
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// Only the tags that the policy of the Tag could choose
    #[arg(long)]
    pub candidates: bool,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl ListTags {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        // No name of a Tag has one of these, and an image without them would be one on Docker Hub.
        let tag = match self.name.contains(['/', ':', '@']) {
            true => None,
            false => Some(tags::find(session.cluster().await?, &self.name).await?),
        };
        let from = recorded(tag.as_ref().map_or(self.name.as_str(), |tag| tag.spec.from.as_str()))?;
        let choice = match &tag {
            Some(tag) => choice(tag).map_err(|why| Problem::Invalid(why, None))?,
            None => None,
        };
        let registries = Registries::new(session, &self.registries)?;
        let client = registries.client(&from).await?;
        let tags = client.list(&from).await.map_err(|error| problem_of_repository(&error))?;
        let chosen = chosen(session, &client, tag.as_ref(), &from, choice.as_ref()).await?;
        let status = tag.as_ref().and_then(|tag| tag.status.as_ref());
        let known = status.iter().flat_map(|status| status.references.iter());
        // What came from another repository says nothing of this one's tags.
        let is_here = |of: &str| {
            of.parse::<Reference>()
                .is_ok_and(|of| (of.registry(), of.repository()) == (from.registry(), from.repository()))
        };
        let facts = Facts {
            choice: choice.as_ref(),
            chosen,
            known: known.filter(|known| is_here(&known.from)).collect(),
            current: status.and_then(|status| status.generation),
        };
        let mut listed = mark(&from, &tags, &facts);
        if self.candidates && tag.is_some() {
            listed.tags.retain(|tag| tag.candidate);
        }
        let word = tag.is_some().then(|| if choice.is_some() { "chosen" } else { "followed" });
        self.show(session, &listed, facts.current, word)?;
        Ok(Exit::Done)
    }

    fn show(
        &self,
        session: &Session,
        listed: &Listed,
        current: Option<i64>,
        word: Option<&str>,
    ) -> Result<(), Problem> {
        match self.output.form {
            Some(form @ (Form::Json | Form::Yaml)) => return session.screen.document(form, listed),
            Some(Form::Name) => {
                let name = |tag: &Marked| format!("{}:{}", listed.repository, tag.name);
                listed.tags.iter().for_each(|tag| session.screen.line(name(tag)));
            }
            Some(Form::Wide) | None if listed.tags.is_empty() => {
                session.screen.note(format_args!("{} has no such tag.", listed.repository));
            }
            Some(Form::Wide) | None => match word {
                Some(word) => {
                    let rows = listed.tags.iter().map(|tag| row(tag, current, word)).collect();
                    session.screen.table(&["TAG", "GENERATION", "CHOICE"], rows);
                }
                None => listed.tags.iter().for_each(|tag| session.screen.line(&tag.name)),
            },
        }
        Ok(())
    }
}

/// `word` is what the tag is called that would be imported now.
fn row(tag: &Marked, current: Option<i64>, word: &str) -> Vec<String> {
    let choice = match (tag.chosen, tag.candidate) {
        (true, _) => format!("{GOOD}{word}{GOOD:#}"),
        (false, true) => "candidate".to_owned(),
        (false, false) => format!("{FAINT}-{FAINT:#}"),
    };
    vec![tag.name.clone(), tag.generations(current), choice]
}

/// The tag that would be imported now: the one that is followed, or that the policy chooses. None is chosen where none can be.
async fn chosen(
    session: &Session,
    client: &Client,
    tag: Option<&Tag>,
    from: &Reference,
    choice: Option<&Choice>,
) -> Result<Option<tagger_core::reference::TagName>, Problem> {
    match (tag, choice) {
        (None, _) => Ok(None),
        (Some(_), None) => Ok(from.tag().cloned()),
        (Some(_), Some(choice)) => match client.choose(from, choice).await {
            Ok(chosen) => Ok(Some(chosen)),
            Err(NotChosen::Registry(error)) => Err(problem(&error)),
            Err(why) => {
                session.screen.note(format_args!("The policy chooses nothing: {why}"));
                Ok(None)
            }
        },
    }
}
