//! What long transfers have in common: how far they are, and what is told when they end too early.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use tagger_registry::{Amount, DiskError, ImageProblem, Progress, PushError, SaveError};

use crate::problem::Problem;
use crate::registry;
use crate::screen::{Screen, plain};

/// What is said of blobs that need not go anywhere.
pub(crate) const THERE: &str = "there already";

/// How far a transfer is, drawn on a terminal.
pub(crate) struct Bar {
    bar: ProgressBar,
    passed: Arc<AtomicU64>,
}

impl Bar {
    pub(crate) fn new(what: &str) -> Self {
        // The template is ours, and right.
        let style =
            ProgressStyle::with_template("{prefix}: {bytes}/{total_bytes} {bytes_per_sec} {wide_bar}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(0).with_style(style).with_prefix(what.to_owned());
        Self { bar, passed: Arc::default() }
    }

    /// Is told of each step.
    pub(crate) fn tell(&self) -> Arc<dyn Fn(Progress) + Send + Sync> {
        let (bar, passed) = (self.bar.clone(), self.passed.clone());
        Arc::new(move |progress| match progress {
            Progress::Found(bytes) => bar.inc_length(bytes),
            Progress::Spared(bytes) => bar.inc(bytes),
            Progress::Passed(bytes) => {
                passed.fetch_add(bytes, Ordering::Relaxed);
                bar.inc(bytes);
            }
        })
    }

    /// Whether anything came.
    fn moved(&self) -> bool {
        self.passed.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Tells, when a pull ends too early, where what has come is: by an error, or by Ctrl-C.
pub(crate) struct Kept<'a> {
    pub(crate) screen: Screen,
    pub(crate) bar: &'a Bar,
    pub(crate) path: &'a Path,
    pub(crate) is_done: bool,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if self.is_done || !self.bar.moved() {
            return;
        }
        let part = part(self.path);
        let place = if part.exists() { &part } else { self.path };
        self.bar.bar.finish_and_clear();
        self.screen.note(format_args!(
            "what has come is kept in {}; the same command goes on there",
            place.display()
        ));
    }
}

/// Where what has come of an image gathers.
fn part(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// What went, and what need not go: `2 blobs of 1.00 MiB sent, 1 blob of 5 B there already`. What is nothing is not told.
pub(crate) fn told(parts: &[(Amount, &str)]) -> String {
    let one = |(amount, what): &(Amount, &str)| {
        let blobs = if amount.blobs == 1 { "blob" } else { "blobs" };
        format!("{} {blobs} of {} {what}", amount.blobs, HumanBytes(amount.bytes))
    };
    let some: Vec<String> = parts.iter().filter(|(amount, _)| amount.blobs > 0).map(one).collect();
    if some.is_empty() { "all of it was there".to_owned() } else { some.join(", ") }
}

/// What it means that an image could not be saved.
pub(crate) fn not_saved(error: &SaveError) -> Problem {
    match error {
        SaveError::Registry(error) => registry::problem(error),
        SaveError::Disk(error) => of_disk(error),
        SaveError::Unfit(problem) => Problem::Invalid(problem.to_string(), unfit(problem)),
    }
}

/// What it means that an image from disk could not be brought to a registry.
pub(crate) fn not_pushed(error: &PushError) -> Problem {
    match error {
        PushError::Registry(error) => registry::problem(error),
        PushError::Disk(error) => of_disk(error),
    }
}

/// What it means that a file or folder can't be used.
pub(crate) fn of_disk(error: &DiskError) -> Problem {
    let next = match error {
        DiskError::Taken { .. } => Some("name another place, or remove it".to_owned()),
        DiskError::Busy { .. } => Some("wait for it, or name another place".to_owned()),
        DiskError::Write { problem, .. } if problem.kind() == std::io::ErrorKind::StorageFull => {
            Some("make room, and run the command again: what has come is kept".to_owned())
        }
        DiskError::NoImage { .. } => {
            Some("kubectl tag pull, skopeo copy and docker save make such files".to_owned())
        }
        DiskError::Damaged { .. } => Some("make it anew: nothing of it was published".to_owned()),
        DiskError::Several { .. } | DiskError::NoSuch { .. } => Some("--image NAME chooses one".to_owned()),
        DiskError::Unfit { problem, .. } => unfit(problem),
        _ => None,
    };
    Problem::Invalid(error.to_string(), next)
}

fn unfit(problem: &ImageProblem) -> Option<String> {
    match problem {
        ImageProblem::NoPlatform { there, .. } | ImageProblem::PlatformNeeded { there } => {
            there.first().map(|platform| format!("--platform {} chooses one", plain(&platform.to_string())))
        }
        ImageProblem::NotRunnable | ImageProblem::LayerElsewhere(_) => {
            Some("--output oci-archive saves it as it is".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use tagger_registry::{Damage, Platform};

    #[test]
    fn what_is_nothing_is_not_told() {
        let amount = |blobs, bytes| Amount { blobs, bytes };
        let parts = |sent, there| told(&[(sent, "sent"), (there, "there already")]);
        assert_eq!(parts(amount(0, 0), amount(0, 0)), "all of it was there");
        assert_eq!(parts(amount(1, 2048), amount(0, 0)), "1 blob of 2.00 KiB sent");
        assert_eq!(parts(amount(2, 5), amount(1, 7)), "2 blobs of 5 B sent, 1 blob of 7 B there already");
    }

    fn shown(problem: Problem) -> String {
        format!("error: {problem}\nnext: {}", problem.next().unwrap_or_default())
    }

    #[test]
    fn what_is_wrong_with_a_place_or_an_image_is_told_with_what_to_do() {
        let path = || PathBuf::from("/tmp/app");
        let platform = |text: &str| -> Platform { text.parse().unwrap() };
        let there = || vec![platform("linux/amd64"), platform("linux/arm/v7")];
        let errors = [
            DiskError::Taken { path: path(), what: "a folder of something else" },
            DiskError::Busy { path: path() },
            DiskError::Write { path: path(), problem: std::io::ErrorKind::StorageFull.into() },
            DiskError::NoImage { path: path() },
            DiskError::Compressed { path: path(), by: "gunzip" },
            DiskError::Damaged { path: path(), problem: Damage::Path("../../etc/passwd".into()) },
            DiskError::Damaged { path: path(), problem: Damage::CutShort },
            DiskError::Several { path: path(), names: vec!["a.io/b:1".into(), "a.io/b:2".into()] },
            DiskError::NoSuch { path: path(), name: "x".into(), names: vec!["a.io/b:1".into()] },
            DiskError::Unfit {
                path: path(),
                problem: ImageProblem::NoPlatform { wanted: platform("windows/amd64"), there: there() },
            },
        ];
        let mut told: Vec<String> = errors.iter().map(|error| shown(of_disk(error))).collect();
        told.push(shown(not_saved(&SaveError::Unfit(ImageProblem::PlatformNeeded { there: there() }))));
        told.push(shown(not_saved(&SaveError::Unfit(ImageProblem::NotRunnable))));
        assert_snapshot!(told.join("\n\n"));
    }
}
