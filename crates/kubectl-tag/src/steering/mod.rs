//! Steering Tags: which step a command takes, how it is asked for, and how that is told.

mod change;
#[cfg(test)]
pub(crate) mod example;
mod owners;
pub(crate) mod step;
mod words;
mod write;

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;
use tagger_api::Tag;

pub(crate) use change::Change;
pub(crate) use step::Step;
pub(crate) use words::shown;
pub(crate) use write::{Made, make};

use crate::arguments::{DryRun, DryRunFlag, Form, OutputFlag, Selection, WaitFlags};
use crate::problem::Problem;
use crate::session::Session;
use crate::waiting::{self, Wanted};
use crate::{Exit, tags};

/// How a command that steers was asked to do it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steer {
    pub(crate) dry_run: DryRunFlag,
    pub(crate) output: OutputFlag,
    /// None for what there is nothing to wait for.
    pub(crate) wait: Option<WaitFlags>,
}

impl Steer {
    /// Has one Tag take a step that is reckoned from how it is.
    pub(crate) async fn one(
        self,
        session: &Session,
        name: &str,
        reckon: impl Fn(&Tag) -> Result<Step, Problem>,
    ) -> Result<Exit, Problem> {
        self.change(session, name, |tag| reckon(tag).map(|step| Change::of(step, tag))).await
    }

    /// Changes one Tag, as is reckoned from how it is.
    pub(crate) async fn change(
        self,
        session: &Session,
        name: &str,
        reckon: impl Fn(&Tag) -> Result<Change, Problem>,
    ) -> Result<Exit, Problem> {
        let cluster = session.cluster().await?;
        let tag = tags::find(cluster, name).await?;
        let made = make(cluster, tag, self.dry_run.dry_run, reckon).await?;
        self.tell(session, &made, false);
        if let Some(form @ (Form::Json | Form::Yaml)) = self.output.form {
            session.screen.document(form, &shown(&made.after))?;
        }
        self.wait(session, &made).await?;
        Ok(Exit::Done)
    }

    /// Has many Tags take the same step. That all are meant must be said. One that fails keeps the others from nothing.
    pub(crate) async fn many(
        self,
        session: &Session,
        selection: &Selection,
        all: bool,
        step: Step,
    ) -> Result<Exit, Problem> {
        if selection.names.is_empty() && selection.selector.is_none() && !selection.all_namespaces && !all {
            let next =
                "name the Tags, or give --all for the namespace, -l for a selection, -A for all namespaces";
            return Err(Problem::Invalid("no Tag is named".to_owned(), Some(next.to_owned())));
        }
        let cluster = session.cluster().await?;
        let tags = tags::selected(session, selection).await?;
        if tags.is_empty() {
            session.screen.note("No Tags found.");
        }
        let (mut done, mut failed) = (Vec::new(), None);
        for tag in tags {
            let reckon = |tag: &Tag| Ok(Change::of(step, tag));
            match make(cluster, tag, self.dry_run.dry_run, reckon).await {
                Ok(made) => {
                    self.tell(session, &made, selection.all_namespaces);
                    done.push(made);
                }
                Err(problem) => {
                    if let Some(earlier) = failed.replace(problem) {
                        session.screen.problem(&earlier);
                    }
                }
            }
        }
        if let Some(form @ (Form::Json | Form::Yaml)) = self.output.form {
            let shown: Vec<Tag> = done.iter().map(|made| shown(&made.after)).collect();
            match shown.as_slice() {
                [tag] if selection.names.len() == 1 => session.screen.document(form, tag)?,
                tags => session
                    .screen
                    .document(form, &json!({ "apiVersion": "v1", "kind": "List", "items": tags }))?,
            }
        }
        for made in &done {
            self.wait(session, made).await?;
        }
        failed.map_or(Ok(Exit::Done), Err)
    }

    /// Tells of a change: to people all of it, and in every form what will undo it.
    fn tell(self, session: &Session, made: &Made, with_namespace: bool) {
        let Made { before, change, was_so, .. } = made;
        let (name, screen) = (before.name_any(), session.screen);
        match self.output.form {
            Some(Form::Json | Form::Yaml) => {}
            Some(Form::Name) => screen.line(format_args!("tag.images.io/{name}")),
            Some(Form::Wide) | None => {
                let said =
                    if *was_so { words::unchanged(change.step) } else { words::changed(before, change) };
                let place = if with_namespace { place(before) } else { String::new() };
                screen.line(format_args!("tag.images.io/{name} {said}{place}{}", self.tried()));
                if self.dry_run.dry_run == Some(DryRun::Client) && !was_so {
                    let patch = change.patch(Timestamp::now());
                    screen.note(format_args!("what would be sent, as a merge patch: {patch}"));
                }
                words::hints(before, change).iter().for_each(|hint| screen.note(hint));
                if let (Some(request), None, false) = (&change.request, self.dry_run.dry_run, self.waits()) {
                    let goes = match request.digest {
                        Some(_) => "the operator publishes it",
                        None => "its registry is asked now",
                    };
                    screen.note(format_args!(
                        "{goes}; kubectl tag status {name} shows how that goes, and --wait waits for it"
                    ));
                }
            }
        }
        let fields: Vec<&str> = change.fields().collect();
        for manager in owners::owners(before, &fields).iter().filter(|_| !was_so) {
            let fields: Vec<String> = fields.iter().map(|field| format!("spec.{field}")).collect();
            screen.note(format_args!(
                "warning: {manager} has {} of the Tag {name:?}{}, and sets it back with the next apply; change it where that comes from",
                fields.join(" and "),
                place(before),
            ));
        }
    }

    fn tried(self) -> &'static str {
        match self.dry_run.dry_run {
            Some(DryRun::Client) => " (dry run)",
            Some(DryRun::Server) => " (server dry run)",
            None => "",
        }
    }

    fn waits(self) -> bool {
        self.dry_run.dry_run.is_none() && self.wait.is_some_and(|flags| flags.wait)
    }

    async fn wait(self, session: &Session, made: &Made) -> Result<(), Problem> {
        match self.wait {
            Some(flags) if self.waits() => {
                let wanted = match made.was_so {
                    true => Wanted::still(made.change.step, &made.after),
                    false => Wanted::by(made.change.step, &made.after),
                };
                waiting::until_done(session, &made.after, wanted, flags.timeout).await
            }
            _ => Ok(()),
        }
    }
}

/// Where a Tag is.
fn place(tag: &Tag) -> String {
    format!(" in the namespace {:?}", tag.namespace().unwrap_or_default())
}
