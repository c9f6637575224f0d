//! `kubectl tag new`.

use clap::Args;
use kube::api::PostParams;
use tagger_api::tag::{FilterTags, Order, OrderPolicy, Policy, SemverPolicy, SiblingPolicy, Track};
use tagger_api::{Tag, TagSpec, validation};

use crate::arguments::{DryRun, DryRunFlag, Form, OutputFlag, WaitFlags};
use crate::problem::Problem;
use crate::session::{FIELD_MANAGER, Session};
use crate::{Exit, steering, waiting};

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
            return self.tell(session, form, &tag).map(|()| Exit::Done);
        }
        let cluster = session.cluster().await?;
        let params = PostParams {
            dry_run: self.dry_run.dry_run == Some(DryRun::Server),
            field_manager: Some(FIELD_MANAGER.to_owned()),
        };
        let namespace = &cluster.namespace;
        let made = match cluster.tags(namespace).create(&params, &tag).await {
            Ok(made) => made,
            Err(kube::Error::Api(refused)) if refused.reason == "AlreadyExists" => {
                let why = format!("the Tag {:?} is there already in the namespace {namespace:?}", self.name);
                let next =
                    format!("kubectl tag status {0} shows it; kubectl edit tag {0} changes it", self.name);
                return Err(Problem::Invalid(why, Some(next)));
            }
            Err(error) => return Err(cluster.told("create tags", Some(namespace), error)),
        };
        let tried = if params.dry_run { " (server dry run)" } else { "" };
        match self.output.form {
            Some(form @ (Form::Json | Form::Yaml | Form::Name)) => self.tell(session, form, &made)?,
            _ => session.screen.line(format_args!("tag.images.io/{} created{tried}", self.name)),
        }
        if self.wait.wait && !params.dry_run {
            waiting::until_done(session, &made, waiting::first(&made), self.wait.timeout).await?;
        }
        Ok(Exit::Done)
    }

    fn tell(&self, session: &Session, form: Form, tag: &Tag) -> Result<(), Problem> {
        if form == Form::Name {
            session.screen.line(format_args!("tag.images.io/{}", self.name));
            return Ok(());
        }
        let mut shown = steering::shown(tag);
        shown.status = None;
        session.screen.document(form, &shown)
    }

    /// The Tag that the flags describe, or what is wrong with them.
    fn tag(&self, namespace: Option<&str>) -> Result<Tag, Problem> {
        let is_name = |name: &str| {
            let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            (1..=63).contains(&name.len())
                && name.bytes().all(|b| inner(b) || b == b'-')
                && !name.starts_with('-')
                && !name.ends_with('-')
        };
        if !is_name(&self.name) {
            let why = format!("{:?} can't be the name of a Tag", self.name);
            let next =
                "small letters, digits and - between them, at most 63: workloads put it in place of an image";
            return Err(Problem::Invalid(why, Some(next.to_owned())));
        }
        let spec = self.spec()?;
        if let Some(problem) = validation::problems(&spec).first() {
            let why = format!("{}: {}", problem.field, problem.message);
            return Err(Problem::Invalid(why, Some("kubectl tag new --help explains the flags".to_owned())));
        }
        let mut tag = Tag::new(&self.name, spec);
        tag.metadata.namespace = namespace.map(str::to_owned);
        Ok(tag)
    }

    fn spec(&self) -> Result<TagSpec, Problem> {
        let track = Track {
            push: self.no_push.then_some(false),
            interval: self.interval.clone(),
            schedule: self.schedule.clone(),
            time_zone: self.time_zone.clone(),
        };
        let filter_tags =
            self.filter.clone().map(|pattern| FilterTags { pattern, extract: self.extract.clone() });
        Ok(TagSpec {
            from: self.from.clone(),
            generation: self.generation,
            cache: self.cache.then_some(true),
            history: self.history,
            track: (track != Track::default()).then(|| Box::new(track)),
            filter_tags: filter_tags.map(Box::new),
            policy: self.policy.as_deref().map(policy).transpose()?.map(Box::new),
            ..TagSpec::default()
        })
    }
}

/// Reads a policy: `semver=RANGE`, `numerical`, `alphabetical=desc`, `sibling=TAG`.
fn policy(text: &str) -> Result<Policy, Problem> {
    let (rule, value) = match text.split_once('=') {
        Some((rule, value)) => (rule, Some(value)),
        None => (text, None),
    };
    let wrong = || {
        let next = "semver=RANGE, numerical[=asc|desc], alphabetical[=asc|desc] or sibling=TAG";
        Problem::Invalid(format!("--policy {text:?} is no rule"), Some(next.to_owned()))
    };
    let order = |value: Option<&str>| match value {
        None => Ok(OrderPolicy::default()),
        Some("asc") => Ok(OrderPolicy { order: Some(Order::Asc) }),
        Some("desc") => Ok(OrderPolicy { order: Some(Order::Desc) }),
        Some(_) => Err(wrong()),
    };
    match (rule, value) {
        ("semver", Some(range)) => {
            Ok(Policy { semver: Some(SemverPolicy { range: range.to_owned() }), ..Policy::default() })
        }
        ("numerical", value) => Ok(Policy { numerical: Some(order(value)?), ..Policy::default() }),
        ("alphabetical", value) => Ok(Policy { alphabetical: Some(order(value)?), ..Policy::default() }),
        ("sibling", Some(tag)) => {
            Ok(Policy { sibling: Some(SiblingPolicy { tag: tag.to_owned() }), ..Policy::default() })
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use rstest::rstest;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        new: New,
    }

    fn tag(flags: &[&str]) -> Result<Tag, String> {
        let line = Line::try_parse_from([&["new"], flags].concat()).map_err(|error| error.to_string())?;
        line.new.tag(Some("dev")).map_err(|problem| problem.to_string())
    }

    #[test]
    fn flags_make_a_tag() {
        let flags = [
            "myapp",
            "--from",
            "quay.io/a/b",
            "--policy",
            "semver=>=1.2.0, <2",
            "--interval",
            "10m",
            "--cache",
            "--no-push",
        ];
        let spec = serde_json::to_value(tag(&flags).unwrap().spec).unwrap();
        assert_eq!(
            spec,
            serde_json::json!({
                "from": "quay.io/a/b", "cache": true, "policy": { "semver": { "range": ">=1.2.0, <2" } },
                "track": { "interval": "10m", "push": false },
            })
        );
        let numbered = tag(&["myapp", "--from", "quay.io/a/b:latest", "--generation"]).unwrap();
        assert_eq!(numbered.spec.generation, Some(0));
    }

    #[rstest]
    #[case::a_name(&["My_App", "--from", "a/b"], "can't be the name of a Tag")]
    #[case::an_image(&["myapp", "--from", "https://quay.io/a"], "spec.from")]
    #[case::a_tag_and_a_policy(&["myapp", "--from", "a/b:latest", "--policy", "semver=1.x"], "from")]
    #[case::a_rule(&["myapp", "--from", "a/b", "--policy", "newest"], "is no rule")]
    #[case::an_order(&["myapp", "--from", "a/b", "--policy", "numerical=up"], "is no rule")]
    #[case::an_interval(&["myapp", "--from", "a/b", "--interval", "1s"], "at least 30s")]
    #[case::a_filter_alone(&["myapp", "--from", "a/b", "--filter", "x"], "--policy")]
    fn what_is_wrong_is_told_before_anything_is_sent(#[case] flags: &[&str], #[case] told: &str) {
        let error = tag(flags).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}
