//! What is built, and when it was written: by the source, and never by the clock.

use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo;

/// The commit that is built.
pub(super) struct Commit {
    /// The second at which it was written, which is the time of all files.
    pub(super) time: u64,
    /// Its name, where Git knows it.
    pub(super) revision: Option<String>,
}

impl Commit {
    /// Asks Git; `SOURCE_DATE_EPOCH` comes first, for those who build from an archive.
    pub(super) fn read() -> Result<Self> {
        let revision = git(&["rev-parse", "HEAD"]);
        let changed = git(&["status", "--porcelain", "--untracked-files=no"])
            .is_some_and(|changes| !changes.is_empty());
        if changed {
            eprintln!("the checkout has changes that are not committed: nobody else gets this image");
        }
        let time = match std::env::var("SOURCE_DATE_EPOCH").ok() {
            Some(time) => Some(time),
            None => git(&["log", "-1", "--format=%ct"]),
        };
        let time =
            time.context("this is no checkout of Git: set SOURCE_DATE_EPOCH to the second of the release")?;
        let time =
            time.parse().with_context(|| format!("SOURCE_DATE_EPOCH {time} is no number of seconds"))?;
        Ok(Self { time, revision: revision.filter(|_| !changed) })
    }

    /// The time, as documents write it.
    pub(super) fn written(&self) -> String {
        let second = i64::try_from(self.time).unwrap_or_default();
        jiff::Timestamp::from_second(second).unwrap_or_default().to_string()
    }
}

/// What Git says, where there is Git and it knows.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(cargo::root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
