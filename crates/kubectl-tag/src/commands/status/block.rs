//! One Tag, told in full.

use jiff::Timestamp;
use kube::ResourceExt;
use tagger_api::Tag;

use crate::age::age;
use crate::overview::{Overview, choice, one_line};
use crate::problem::Problem;
use crate::screen::{BAD, FAINT, GOOD};
use crate::session::Session;
use crate::workloads::{self, Workload};

/// Shows a Tag, and the workloads that follow it.
pub(super) async fn show(session: &Session, tag: &Tag) -> Result<(), Problem> {
    let cluster = session.cluster().await?;
    let namespace = tag.namespace().unwrap_or_default();
    // Who may see Tags may not be allowed to see workloads.
    let workloads = match workloads::annotated(cluster, Some(&namespace)).await {
        Err(Problem::NoRights { .. }) => None,
        other => Some(other?),
    };
    for (title, text) in lines(tag, workloads.as_deref(), Timestamp::now()) {
        session.screen.line(format_args!("{FAINT}{title:<12}{FAINT:#}{text}"));
    }
    Ok(())
}

fn lines(tag: &Tag, workloads: Option<&[Workload]>, now: Timestamp) -> Vec<(&'static str, String)> {
    let (overview, status) = (Overview::of(tag), tag.status.clone().unwrap_or_default());
    let state = match (overview.ready, &overview.reason) {
        (true, _) => format!("{GOOD}ready{GOOD:#}"),
        (false, Some(reason)) => format!("{BAD}not ready{BAD:#}: {reason}"),
        (false, None) => format!("{BAD}not ready{BAD:#}"),
    };
    let mut lines = vec![
        ("Tag", overview.name.clone()),
        ("From", overview.from.clone()),
        ("Tracking", choice(&tag.spec)),
        ("Mode", format!("{}; {}", overview.mode.word(), overview.mode.sentence())),
        ("State", state),
    ];
    if let Some(message) = &overview.message {
        lines.push(("Message", message.clone()));
    }
    match status.current() {
        Some(current) => {
            let behind = match overview.behind {
                0 => "the newest".to_owned(),
                some => format!("{some} behind the newest, {}", overview.newest.unwrap_or_default()),
            };
            let age = age(current.imported_at, now);
            lines.push((
                "Current",
                format!("generation {}, {behind}, imported {age} ago", current.generation),
            ));
            lines.push(("Image", current.image_reference.clone()));
            if current.is_mirrored() {
                lines.push(("Source", current.origin().to_owned()));
            }
        }
        None => lines.push(("Current", "no generation yet".to_owned())),
    }
    lines.push((
        "Cache",
        format!("{} ({} of {} generations)", overview.cached(), overview.cached, overview.generations),
    ));
    if let Some(mirroring) = &overview.mirroring {
        let bytes = |field: &str| indicatif::HumanBytes(mirroring[field].as_u64().unwrap_or_default());
        lines.push(("Mirroring", format!("{} of {}", bytes("copied"), bytes("total"))));
    }
    if let Some(attempt) = status.last_import_attempt.as_ref().filter(|attempt| !attempt.succeed) {
        lines.push((
            "Last try",
            format!("{} ago, failed: {}", age(attempt.when, now), one_line(&attempt.reason)),
        ));
    }
    lines.extend(followers(tag, workloads));
    if let Some(next) = next(tag, &overview) {
        lines.push(("Next", next));
    }
    lines
}

fn followers(tag: &Tag, workloads: Option<&[Workload]>) -> Vec<(&'static str, String)> {
    let Some(workloads) = workloads else {
        return vec![("Workloads", "you may not list them".to_owned())];
    };
    let (name, image) = (tag.name_any(), tag.status.as_ref().and_then(|status| status.current()));
    let follow = |workload: &Workload| -> Option<String> {
        let mut follows = workload.following(&name).peekable();
        follows.peek()?;
        let is_current =
            follows.all(|(_, follow)| image.is_some_and(|image| image.image_reference == follow.image));
        let ready =
            workload.readiness.wanted.map(|wanted| format!(", {}/{wanted} ready", workload.readiness.ready));
        let image = if is_current { "" } else { ", another generation" };
        Some(format!("{}{}{image}", workload.label(), ready.unwrap_or_default()))
    };
    let told: Vec<String> = workloads.iter().filter_map(follow).collect();
    if told.is_empty() {
        return vec![("Workloads", "none follows it".to_owned())];
    }
    let titles = std::iter::once("Workloads").chain(std::iter::repeat(""));
    titles.zip(told).collect()
}

/// The command that somebody may want now.
fn next(tag: &Tag, overview: &Overview) -> Option<String> {
    let name = &overview.name;
    let stalled = tag.status.iter().flat_map(|status| &status.conditions).any(|told| told.type_ == "Stalled");
    if tag.spec.is_suspended() {
        return Some(format!("kubectl tag resume {name} has it go on"));
    }
    if stalled {
        return Some(format!("kubectl edit tag {name} corrects it"));
    }
    if !overview.ready {
        return Some(format!("kubectl describe tag {name} shows its Events"));
    }
    (overview.behind > 0)
        .then(|| format!("kubectl tag upgrade {name} goes up by one, kubectl tag unpin {name} to the newest"))
}
