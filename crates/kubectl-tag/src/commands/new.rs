//! `kubectl tag new`.

use clap::Args;

use crate::Exit;
use crate::arguments::{DryRunFlag, OutputFlag, WaitFlags};
use crate::problem::Problem;
use crate::session::Session;

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
    pub(crate) async fn run(&self, _session: &Session) -> Result<Exit, Problem> {
        todo!()
    }
}
