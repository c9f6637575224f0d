//! What the operator writes to the API server, by the API server's own audit log.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use tagger_testkit::control_plane::ControlPlaneOptions;
use tagger_testkit::scratch::Scratch;
use tokio::time::sleep;

/// Nobody's writes but the operator's are logged: the log must not cost what is measured. Renewals of the Lease are not told: they go on
/// for ever, and nothing would ever settle.
const POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: None
  resources:
  - group: coordination.k8s.io
    resources: [leases]
- level: Metadata
  users: ["system:serviceaccount:tagger:tagger"]
  verbs: [create, update, patch, delete, deletecollection]
- level: None
"#;

/// How many writes there were, by what was done to what, such as `patch tags/status`.
pub(crate) type Counts = BTreeMap<String, usize>;

/// The log, and how to have it written.
pub(crate) struct Writes {
    files: Scratch,
    policy: PathBuf,
}

impl Writes {
    /// Makes a place for the log.
    pub(crate) fn new() -> Result<Self> {
        let files = Scratch::on_disk()?;
        let policy = files.write("policy.yaml", POLICY)?;
        Ok(Self { files, policy })
    }

    /// What a control plane must be started with.
    pub(crate) fn options(&self) -> ControlPlaneOptions {
        let flags = [
            format!("--audit-policy-file={}", self.policy.display()),
            format!("--audit-log-path={}", self.log().display()),
        ];
        ControlPlaneOptions { api_server_flags: flags.into(), ..ControlPlaneOptions::default() }
    }

    /// All writes so far.
    pub(crate) fn counts(&self) -> Result<Counts> {
        parse(&fs::read_to_string(self.log()).context("the API server wrote no audit log")?)
    }

    /// Waits until nothing was written for so long. Events are written after what they tell of.
    pub(crate) async fn settle(&self, quiet: Duration) -> Result<()> {
        let mut before = self.counts()?;
        loop {
            sleep(quiet).await;
            let now = self.counts()?;
            if now == before {
                return Ok(());
            }
            before = now;
        }
    }

    fn log(&self) -> PathBuf {
        self.files.path().join("audit.log")
    }
}

/// What was written between two counts.
pub(crate) fn between(before: &Counts, after: &Counts) -> Counts {
    let new = after.iter().map(|(what, count)| (what, count - before.get(what).copied().unwrap_or_default()));
    new.filter(|(_, count)| *count > 0).map(|(what, count)| (what.clone(), count)).collect()
}

#[derive(Deserialize)]
struct Line {
    verb: String,
    #[serde(rename = "objectRef", default)]
    object: Object,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Object {
    resource: String,
    subresource: String,
}

/// Counts the lines of a log. The last one may be on its way still.
fn parse(log: &str) -> Result<Counts> {
    let mut counts = Counts::new();
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    for line in whole.lines() {
        let Line { verb, object } =
            serde_json::from_str(line).context("a line of the audit log is no event")?;
        let part = if object.subresource.is_empty() { "" } else { "/" };
        *counts.entry(format!("{verb} {}{part}{}", object.resource, object.subresource)).or_default() += 1;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_counted_by_what_they_are_about() {
        let log = concat!(
            r#"{"verb":"patch","objectRef":{"resource":"tags","subresource":"status","name":"a"}}"#,
            "\n",
            r#"{"verb":"create","objectRef":{"resource":"events"}}"#,
            "\n",
            r#"{"verb":"patch","objectRef":{"resource":"tags","subresource":"status","name":"b"}}"#,
            "\n",
            r#"{"verb":"pat"#,
        );
        let counts = parse(log).unwrap();
        assert_eq!(
            counts,
            Counts::from([("create events".to_owned(), 1), ("patch tags/status".to_owned(), 2)])
        );
        let before = Counts::from([("patch tags/status".to_owned(), 2)]);
        assert_eq!(between(&before, &counts), Counts::from([("create events".to_owned(), 1)]));
    }
}
