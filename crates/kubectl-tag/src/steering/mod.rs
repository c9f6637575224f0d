//! Steering Tags: which step a command takes, how it is asked for, and how that is told.

mod change;
pub(crate) mod step;
mod words;

use kube::ResourceExt;
use serde_json::json;
use tagger_api::Tag;

pub(crate) use change::Change;
pub(crate) use words::shown;

use crate::arguments::{DryRun, DryRunFlag, Form, OutputFlag, Selection, WaitFlags};
use crate::problem::Problem;
use crate::session::Session;
use crate::{tags, waiting};

/// How a command that steers was asked to do it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steer {
    pub(crate) dry_run: DryRunFlag,
    pub(crate) output: OutputFlag,
    /// None for what there is nothing to wait for.
    pub(crate) wait: Option<WaitFlags>,
}

impl Steer {
    /// Changes one Tag, as is reckoned from how it is.
    pub(crate) async fn one(
        self,
        session: &Session,
        name: &str,
        reckon: impl Fn(&Tag) -> Result<Change, Problem>,
    ) -> Result<(), Problem> {
        let tag = tags::find(session.cluster().await?, name).await?;
        self.make(session, tag, reckon).await
    }

    /// Suspends Tags, or has them go on. That all are meant must be said.
    pub(crate) async fn many(
        self,
        session: &Session,
        selection: &Selection,
        all: bool,
        suspend: bool,
    ) -> Result<(), Problem> {
        if selection.names.is_empty() && selection.selector.is_none() && !selection.all_namespaces && !all {
            let next =
                "name the Tags, or give --all for the namespace, -l for a selection, -A for every namespace";
            return Err(Problem::Invalid("no Tag is named".to_owned(), Some(next.to_owned())));
        }
        let value = if suspend { json!(true) } else { json!(null) };
        for tag in tags::selected(session, selection).await? {
            let change = Change { spec: json!({ "suspend": value }), request: None };
            self.make(session, tag, |_| Ok(change.clone())).await?;
        }
        Ok(())
    }

    async fn make(
        self,
        session: &Session,
        tag: Tag,
        reckon: impl Fn(&Tag) -> Result<Change, Problem>,
    ) -> Result<(), Problem> {
        let cluster = session.cluster().await?;
        let is_made = reckon(&tag)?.is_made(&tag);
        let (before, change, after) = match is_made {
            true => (tag.clone(), reckon(&tag)?, tag),
            false => change::make(cluster, tag, self.dry_run.dry_run, reckon).await?,
        };
        self.tell(session, &before, &change, &after, is_made)?;
        for manager in change.owners(&before) {
            let namespace = before.namespace().unwrap_or_default();
            session.screen.note(format_args!(
                "warning: {manager} manages this field of the Tag {} in the namespace {namespace}, and sets it back with its next apply; change it where that applies it from",
                before.name_any(),
            ));
        }
        match self.wait {
            Some(flags) if flags.wait && self.dry_run.dry_run.is_none() => {
                waiting::until_done(session, &after, waiting::wanted(&after, &change), flags.timeout).await
            }
            _ => Ok(()),
        }
    }

    fn tell(
        self,
        session: &Session,
        before: &Tag,
        change: &Change,
        after: &Tag,
        is_made: bool,
    ) -> Result<(), Problem> {
        let name = before.name_any();
        let tried = match self.dry_run.dry_run {
            Some(DryRun::Client) => " (dry run)",
            Some(DryRun::Server) => " (server dry run)",
            None => "",
        };
        match self.output.form {
            Some(form @ (Form::Json | Form::Yaml)) => session.screen.document(form, &words::shown(after)),
            Some(Form::Name) => {
                session.screen.line(format_args!("tag.images.io/{name}"));
                Ok(())
            }
            _ => {
                let said = if is_made { words::unchanged(after) } else { words::changed(before, change) };
                session.screen.line(format_args!("tag.images.io/{name} {said}{tried}"));
                for hint in words::hints(before, change) {
                    session.screen.note(hint);
                }
                Ok(())
            }
        }
    }
}
