//! `kubectl tag outdated`.

mod judge;

use clap::Args;
use futures::{StreamExt, stream};
use tagger_api::Tag;
use tagger_core::reference::TagName;
use tagger_registry::NotChosen;

use crate::Exit;
use crate::arguments::{Form, OutputFlag, RegistryFlags, Selection};
use crate::generations::{choice, recorded};
use crate::problem::Problem;
use crate::registry::{Registries, problem};
use crate::screen::{BAD, BUSY, GOOD, plain, short};
use crate::session::Session;
use crate::tags;
use judge::{Found, State, Verdict, judge};

/// How many Tags are asked about at once. Each registry has a limit of its own besides.
const AT_ONCE: usize = 16;

/// Shows which Tags are behind their registry.
#[derive(Clone, Debug, Args)]
pub struct Outdated {
    /// Which Tags.
    #[command(flatten)]
    pub selection: Selection,

    /// End with exit code 3 where any Tag is outdated
    #[arg(long)]
    pub exit_code: bool,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Outdated {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let tags = tags::selected(session, &self.selection).await?;
        let registries = Registries::new(session, &self.registries)?;
        let looks = tags.iter().map(|tag| look(&registries, tag));
        let found: Vec<Result<Found, Problem>> = stream::iter(looks).buffered(AT_ONCE).collect().await;
        let next = found.iter().find_map(|found| found.as_ref().err()?.next());
        let words = |found: Result<Found, Problem>| found.map_err(|problem| problem.to_string());
        let verdicts: Vec<Verdict> =
            tags.iter().zip(found).map(|(tag, found)| judge(tag, words(found))).collect();
        self.show(session, &verdicts)?;
        if !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict.state == State::Unknown) {
            let first = verdicts.iter().find_map(|verdict| verdict.why.as_deref()).unwrap_or_default();
            let what = match verdicts.len() {
                1 => format!("what the registry has could not be found out: {first}"),
                many => format!(
                    "of none of the {many} Tags it could be found out what the registry has; first: {first}"
                ),
            };
            return Err(Problem::Registry(plain(&what), next));
        }
        match self.exit_code && verdicts.iter().any(|verdict| verdict.state.is_outdated()) {
            true => Ok(Exit::Found),
            false => Ok(Exit::Done),
        }
    }

    fn show(&self, session: &Session, verdicts: &[Verdict]) -> Result<(), Problem> {
        match self.output.form {
            Some(form @ (Form::Json | Form::Yaml)) => return session.screen.document(form, &verdicts),
            Some(Form::Name) => {
                let outdated = verdicts.iter().filter(|verdict| verdict.state.is_outdated());
                outdated
                    .for_each(|verdict| session.screen.line(format_args!("tag.images.io/{}", verdict.name)));
            }
            Some(Form::Wide) | None if verdicts.is_empty() => {
                session.screen.note("No Tags found.");
            }
            form @ (Some(Form::Wide) | None) => {
                let wide = form == Some(Form::Wide);
                let mut titles = vec!["NAME", "CURRENT", "NEWEST", "REGISTRY", "STATE"];
                if self.selection.all_namespaces {
                    titles.insert(0, "NAMESPACE");
                }
                if wide {
                    titles.push("FROM");
                }
                let rows = verdicts.iter().map(|verdict| self.row(verdict, wide)).collect();
                session.screen.table(&titles, rows);
            }
        }
        Ok(())
    }

    fn row(&self, verdict: &Verdict, wide: bool) -> Vec<String> {
        let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let digest = |found: &Found| {
            if wide { found.digest.to_string() } else { short(found.digest.as_str()).to_owned() }
        };
        let registry = verdict.registry.as_ref().map_or_else(
            || "-".to_owned(),
            |found| match &found.tag {
                Some(tag) => format!("{tag}@{}", digest(found)),
                None => digest(found),
            },
        );
        let style = match verdict.state {
            State::UpToDate => GOOD,
            State::NewInRegistry | State::NotCurrent => BUSY,
            State::Unknown => BAD,
        };
        let state = format!("{style}{}{style:#}", plain(&verdict.words()));
        let mut row =
            vec![verdict.name.clone(), number(verdict.current), number(verdict.newest), registry, state];
        if self.selection.all_namespaces {
            row.insert(0, verdict.namespace.clone());
        }
        if wide {
            row.push(verdict.from.clone());
        }
        row
    }
}

/// What a Tag's registry has now.
async fn look(registries: &Registries<'_>, tag: &Tag) -> Result<Found, Problem> {
    let from = recorded(&tag.spec.from)?;
    let choice = choice(tag).map_err(|why| Problem::Invalid(why, None))?;
    if let (None, Some(digest)) = (&choice, from.digest()) {
        // It stays what it is, so nobody needs to be asked.
        return Ok(Found { tag: from.tag().map(TagName::to_string), digest: digest.clone() });
    }
    let client = registries.client(&from).await?;
    let asked = match &choice {
        None => from.clone(),
        Some(choice) => from.with_tag(&client.choose(&from, choice).await.map_err(|why| nothing(&why))?),
    };
    let digest = client.digest(&asked).await.map_err(|error| problem(&error))?;
    Ok(Found { tag: asked.tag().map(TagName::to_string), digest })
}

fn nothing(why: &NotChosen) -> Problem {
    match why {
        NotChosen::Registry(error) => problem(error),
        why => Problem::Registry(why.to_string(), None),
    }
}
