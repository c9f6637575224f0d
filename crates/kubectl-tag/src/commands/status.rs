//! `kubectl tag status`.

mod block;

use clap::Args;
use jiff::Timestamp;

use crate::age::age;
use crate::arguments::{Form, OutputFlag, Selection};
use crate::overview::Overview;
use crate::problem::Problem;
use crate::screen::{BAD, BUSY, GOOD};
use crate::session::Session;
use crate::{Exit, tags};

/// Shows where Tags are.
#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Which Tags.
    #[command(flatten)]
    pub selection: Selection,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Status {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let tags = tags::selected(session, &self.selection).await?;
        let overviews: Vec<Overview> = tags.iter().map(Overview::of).collect();
        match self.output.form {
            Some(form @ (Form::Json | Form::Yaml)) => session.screen.document(form, &overviews)?,
            Some(Form::Name) => overviews
                .iter()
                .for_each(|tag| session.screen.line(format_args!("tag.images.io/{}", tag.name))),
            form => match tags.as_slice() {
                [tag] if self.selection.names.len() == 1 && form.is_none() => {
                    block::show(session, tag).await?
                }
                [] => none(session, self.selection.all_namespaces).await?,
                _ => table(session, &overviews, form == Some(Form::Wide), self.selection.all_namespaces),
            },
        }
        Ok(Exit::Done)
    }
}

async fn none(session: &Session, everywhere: bool) -> Result<(), Problem> {
    let namespace = &session.cluster().await?.namespace;
    let place = if everywhere { "the cluster".to_owned() } else { format!("the namespace {namespace}") };
    session.screen.note(format_args!(
        "No Tags found in {place}. kubectl tag new NAME --from HOST/PATH:TAG makes one{}",
        if everywhere { "." } else { "; -A looks everywhere." }
    ));
    Ok(())
}

fn table(session: &Session, tags: &[Overview], wide: bool, everywhere: bool) {
    let now = Timestamp::now();
    let mut titles = vec!["NAME", "CURRENT", "NEWEST", "BEHIND", "MODE", "CACHED", "READY", "AGE", "MESSAGE"];
    if everywhere {
        titles.insert(0, "NAMESPACE");
    }
    if wide {
        titles.splice(titles.len() - 1.., ["FROM", "IMAGE", "MESSAGE"]);
    }
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let rows = tags.iter().map(|tag| {
        let behind = match tag.behind {
            0 => "0".to_owned(),
            some => format!("{BUSY}{some}{BUSY:#}"),
        };
        let ready = if tag.ready { format!("{GOOD}yes{GOOD:#}") } else { format!("{BAD}no{BAD:#}") };
        let age = tag.imported_at.map_or_else(|| "-".to_owned(), |imported| age(imported, now));
        let (mode, cached) = (tag.mode.word().to_owned(), tag.cached().to_owned());
        let mut row =
            vec![tag.name.clone(), number(tag.current), number(tag.newest), behind, mode, cached, ready, age];
        if everywhere {
            row.insert(0, tag.namespace.clone());
        }
        if wide {
            row.extend([tag.from.clone(), tag.image.clone().unwrap_or_else(|| "-".to_owned())]);
        }
        row.push(tag.message.clone().unwrap_or_default());
        row
    });
    session.screen.table(&titles, rows.collect());
}
