//! How far a Tag and its workloads are on their way. Pure.

use std::fmt;

use tagger_api::{Tag, TagStatus};

use super::reasons::is_mended_by_people;
use super::wanted::{Goal, Wanted};
use crate::overview::one_line;
use crate::workloads::{Readiness, Workload};

#[cfg(test)]
mod tests;

/// How far it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// The operator has not seen it yet.
    Unseen,
    /// The registry is asked.
    Resolving,
    /// The import failed in a way that passes, and is tried again.
    Retrying { message: String },
    /// The image is copied into the cache: so many bytes of so many, once they are known.
    Mirroring { bytes: Option<(u64, u64)> },
    /// The generation is there; workloads do not all run it, or the Tag has something to do besides.
    RollingOut { generation: i64, workloads: Vec<Progress>, besides: Option<String> },
    /// All is there.
    Done { generation: i64, workloads: Vec<Progress> },
    /// It does not come unless somebody does something: what is wrong, and what to do.
    Failed { message: String, remedy: Remedy },
}

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Mend what the message says; the operator tries again by itself.
    MendAndWait,
    /// Change the Tag.
    ChangeTheTag,
    /// Have the Tag go on.
    Resume,
    /// See what others did.
    Look,
}

/// How far one workload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Its name as kubectl takes it.
    pub(crate) label: String,
    /// Whether it has the image.
    pub(crate) has_image: bool,
    pub(crate) readiness: Readiness,
}

impl Progress {
    pub(crate) fn is_done(&self) -> bool {
        self.has_image && self.readiness.is_complete()
    }

    /// How far the workload is with the image of a Tag; none for one that does not follow it, or keeps for good the image that it has.
    fn of(workload: &Workload, tag: &str, image: &str) -> Option<Self> {
        let mut follows = workload.following(tag).peekable();
        let names_it = workload.slots.iter().any(|slot| slot.image == tag);
        if !workload.kind.rolls_out() || (follows.peek().is_none() && !names_it) {
            return None;
        }
        let has_image = !names_it && follows.all(|(_, follow)| follow.image == image);
        Some(Self { label: workload.label(), has_image, readiness: workload.readiness })
    }
}

/// Says how far a Tag and the workloads of its namespace are.
pub(crate) fn phase(tag: &Tag, workloads: &[Workload], wanted: &Wanted) -> Phase {
    if let Some(named) = wanted.is_overtaken(tag) {
        let message = format!("somebody else set its spec.generation to {named} meanwhile");
        return Phase::Failed { message, remedy: Remedy::Look };
    }
    if tag.metadata.deletion_timestamp.is_some() {
        return Phase::Failed { message: "it is being deleted".to_owned(), remedy: Remedy::Look };
    }
    let status = tag.status.clone().unwrap_or_default();
    let told = |kind: &str| status.conditions.iter().find(|told| told.type_ == kind && told.status == "True");
    let suspended = || Phase::Failed { message: "it is suspended".to_owned(), remedy: Remedy::Resume };
    if !wanted.is_observed(tag) {
        return Phase::Unseen;
    }
    let Some(current) = status.current().filter(|_| wanted.is_there(tag)) else {
        return match told("Stalled") {
            _ if tag.spec.is_suspended() => suspended(),
            Some(stalled) => stuck(&stalled.message),
            None => on_its_way(&status, wanted),
        };
    };
    let name = tag.metadata.name.as_deref().unwrap_or_default();
    let progress: Vec<Progress> = workloads
        .iter()
        .filter_map(|workload| Progress::of(workload, name, &current.image_reference))
        .collect();
    let (generation, is_ready) = (current.generation, told("Ready").is_some());
    if is_ready && progress.iter().all(Progress::is_done) {
        return Phase::Done { generation, workloads: progress };
    }
    match (told("Stalled"), told("Reconciling")) {
        _ if tag.spec.is_suspended() => suspended(),
        (Some(stalled), _) => stuck(&stalled.message),
        (None, besides) => {
            let besides = besides.map(|besides| one_line(&besides.message));
            Phase::RollingOut { generation, workloads: progress, besides }
        }
    }
}

fn stuck(message: &str) -> Phase {
    Phase::Failed { message: one_line(message), remedy: Remedy::ChangeTheTag }
}

/// How far an import is that has been seen.
fn on_its_way(status: &TagStatus, wanted: &Wanted) -> Phase {
    let reconciling = status.conditions.iter().find(|told| told.type_ == "Reconciling");
    let reason = reconciling.map(|told| told.reason.as_str()).unwrap_or_default();
    let failed = status.last_import_attempt.as_ref().filter(|attempt| !attempt.succeed);
    match failed {
        _ if reason == "Mirroring" => Phase::Mirroring { bytes: bytes(status, wanted) },
        Some(failed) if wanted.is_new(failed.when) && reconciling.is_some() => {
            let message = one_line(&failed.reason);
            match is_mended_by_people(reason) {
                true => Phase::Failed { message, remedy: Remedy::MendAndWait },
                false => Phase::Retrying { message },
            }
        }
        _ => Phase::Resolving,
    }
}

/// How many bytes are copied, of how many. What another generation needs is no part of it.
fn bytes(status: &TagStatus, wanted: &Wanted) -> Option<(u64, u64)> {
    let copy = status.mirroring.filter(|copy| match wanted.goal {
        Goal::Made(number) => copy.generation >= number,
        Goal::Any | Goal::Named(_) => true,
    })?;
    Some((u64::try_from(copy.copied).ok()?, u64::try_from(copy.total).ok()?))
}

/// What is missing.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unseen => f.write_str("the operator has not seen it yet; does it run?"),
            Self::Resolving => f.write_str("the registry is still asked"),
            Self::Retrying { message } => write!(f, "the import fails, and is tried again: {message}"),
            Self::Mirroring { bytes: None } => f.write_str("the image is still copied into the cache"),
            Self::Mirroring { bytes: Some((copied, total)) } => {
                let (copied, total) = (indicatif::HumanBytes(*copied), indicatif::HumanBytes(*total));
                write!(f, "the image is still copied into the cache, {copied} of {total}")
            }
            Self::RollingOut { generation, workloads, besides } => {
                let late: Vec<String> =
                    workloads.iter().filter(|one| !one.is_done()).map(Progress::to_string).collect();
                match (late.as_slice(), besides) {
                    ([], Some(besides)) => {
                        write!(f, "generation {generation} is published, and runs; {besides}")
                    }
                    ([], None) => write!(f, "generation {generation} is published, and the Tag is not Ready"),
                    (late, _) => {
                        write!(f, "generation {generation} is published; not yet there: {}", late.join(", "))
                    }
                }
            }
            Self::Done { generation, .. } => write!(f, "generation {generation} runs"),
            Self::Failed { message, .. } => f.write_str(message),
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, has_image, readiness } = self;
        match (has_image, readiness.wanted) {
            (false, _) => write!(f, "{label} waits for the image"),
            (true, None) => write!(f, "{label} has the image"),
            (true, Some(wanted)) => {
                // Those of the old template are ready as well.
                let ready = readiness.ready.min(readiness.updated);
                let ready = if readiness.is_observed { ready } else { 0 };
                write!(f, "{label} {ready}/{wanted} ready")
            }
        }
    }
}
