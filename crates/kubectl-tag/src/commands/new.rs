//! `kubectl tag new`.

mod flags;

use clap::Args;
use kube::api::PostParams;
use tagger_api::Tag;

use crate::Exit;
use crate::arguments::{DryRun, DryRunFlag, Form, OutputFlag, WaitFlags};
use crate::problem::Problem;
use crate::session::{Cluster, FIELD_MANAGER, Session};
use crate::steering::shown;
use crate::waiting::{self, Wanted};

/// Makes a Tag.
#[derive(Clone, Debug, Args)]
pub struct New {
    /// The name of the Tag, which workloads put in place of an image
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The image to follow: host/path:tag; with a policy, without a tag
    #[arg(long, value_name = "IMAGE")]
    pub from: String,

    /// Mirror every generation into the cache registry
    #[arg(long)]
    pub cache: bool,

    /// Begin at a generation that is named, so that a person upgrades; else the Tag follows by itself
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "0")]
    pub generation: Option<i64>,

    /// How many generations are kept
    #[arg(long, value_name = "NUMBER")]
    pub history: Option<i64>,

    /// Choose the tag by a rule: semver=RANGE, numerical[=asc|desc], alphabetical[=asc|desc], sibling=TAG
    #[arg(long, value_name = "RULE")]
    pub policy: Option<String>,

    /// Only tags that match this regular expression count for the policy
    #[arg(long, value_name = "PATTERN", requires = "policy")]
    pub filter: Option<String>,

    /// What of the match the policy compares: $name, $1
    #[arg(long, value_name = "TEMPLATE", requires = "filter")]
    pub extract: Option<String>,

    /// Ask the registry this often: 10m
    #[arg(long, value_name = "DURATION")]
    pub interval: Option<String>,

    /// Ask the registry by this schedule of five fields: "0 3 * * *"
    #[arg(long, value_name = "CRON")]
    pub schedule: Option<String>,

    /// The time zone of the schedule: Europe/Zurich
    #[arg(long, value_name = "ZONE", requires = "schedule")]
    pub time_zone: Option<String>,

    /// Do not listen to push notifications
    #[arg(long)]
    pub no_push: bool,

    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunFlag,

    /// Whether to wait.
    #[command(flatten)]
    pub wait: WaitFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl New {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let tag = self.tag(session.flags.namespace.as_deref())?;
        if self.dry_run.dry_run == Some(DryRun::Client) {
            let form = self.output.form.filter(|form| *form != Form::Wide).unwrap_or(Form::Yaml);
            self.tell(session, Some(form), &tag)?;
            return Ok(Exit::Done);
        }
        let made = self.create(session.cluster().await?, &tag).await?;
        self.tell(session, self.output.form, &made)?;
        if self.wait.wait && self.dry_run.dry_run.is_none() {
            waiting::until_done(session, &made, Wanted::first(&made), self.wait.timeout).await?;
        }
        Ok(Exit::Done)
    }

    async fn create(&self, cluster: &Cluster, tag: &Tag) -> Result<Tag, Problem> {
        let params = PostParams {
            dry_run: self.dry_run.dry_run == Some(DryRun::Server),
            field_manager: Some(FIELD_MANAGER.to_owned()),
        };
        let (name, namespace) = (&self.name, &cluster.namespace);
        match cluster.tags(namespace).create(&params, tag).await {
            Ok(made) => Ok(made),
            Err(kube::Error::Api(refused)) if refused.is_already_exists() => {
                let why = format!("there is a Tag {name:?} in the namespace {namespace:?} already");
                let next = format!(
                    "kubectl tag status {name} shows it; kubectl edit tag {name} changes what it follows"
                );
                Err(Problem::Invalid(why, Some(next)))
            }
            Err(error) => Err(cluster.told("create tags", Some(namespace), error)),
        }
    }

    fn tell(&self, session: &Session, form: Option<Form>, tag: &Tag) -> Result<(), Problem> {
        let (name, screen) = (&self.name, session.screen);
        match form {
            Some(form @ (Form::Json | Form::Yaml)) => {
                return screen.document(form, &Tag { status: None, ..shown(tag) });
            }
            Some(Form::Name) => screen.line(format_args!("tag.images.io/{name}")),
            Some(Form::Wide) | None => {
                let is_tried = self.dry_run.dry_run == Some(DryRun::Server);
                let tried = if is_tried { " (server dry run)" } else { "" };
                screen.line(format_args!("tag.images.io/{name} created{tried}"));
                if !is_tried {
                    screen.note(format_args!(
                        "workloads of the namespace use it as image: {name}, with the annotation image-tag: \"true\""
                    ));
                }
            }
        }
        Ok(())
    }
}
