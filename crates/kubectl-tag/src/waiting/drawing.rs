//! How far it is, drawn: a line for each step, and on a terminal one that moves below them.

use std::collections::HashSet;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::phase::{Phase, Progress};
use crate::screen::Screen;

/// What is drawn of a wait.
pub(crate) struct Drawing {
    screen: Screen,
    name: String,
    /// Drawn on a terminal only.
    bar: ProgressBar,
    /// What was told; none of it is told again.
    told: HashSet<String>,
    has_ended: bool,
}

impl Drawing {
    pub(crate) fn new(screen: Screen, name: &str) -> Self {
        let bar = ProgressBar::new(0).with_prefix(name.to_owned());
        bar.set_style(style(SPINNER));
        bar.set_message(moving(&Phase::Unseen));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { screen, name: name.to_owned(), bar, told: HashSet::new(), has_ended: false }
    }

    /// Shows a phase.
    pub(crate) fn show(&mut self, phase: &Phase) {
        if let Phase::Mirroring { bytes: Some((copied, total)) } = phase {
            self.bar.set_style(style(TRANSFER));
            self.bar.set_length(*total);
            self.bar.set_position(*copied);
        } else {
            self.bar.set_style(style(SPINNER));
            self.bar.set_message(moving(phase));
        }
        for line in steps(phase) {
            self.tell(line);
        }
        if matches!(phase, Phase::Done { .. } | Phase::Failed { .. }) {
            self.end();
        }
    }

    /// Tells something once.
    pub(crate) fn tell(&mut self, line: String) {
        if self.told.insert(line.clone()) {
            self.bar.suspend(|| self.screen.note(line));
        }
    }

    /// Ends it.
    pub(crate) fn end(&mut self) {
        self.has_ended = true;
        self.bar.finish_and_clear();
    }
}

impl Drop for Drawing {
    /// Whoever presses Ctrl-C ends the wait and nothing else.
    fn drop(&mut self) {
        if !self.has_ended {
            self.end();
            self.screen.note(format_args!(
                "not waited for any longer; what was asked for goes on in the cluster: kubectl tag status {} shows how",
                self.name
            ));
        }
    }
}

const SPINNER: &str = "{spinner} {prefix}: {wide_msg}";
const TRANSFER: &str =
    "{spinner} {prefix}: mirroring {bytes} of {total_bytes}, {bytes_per_sec} {wide_bar} {eta}";

/// The templates are ours, and right; one that were not would draw nothing worse than the default.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// What the moving line says.
fn moving(phase: &Phase) -> String {
    match phase {
        Phase::Unseen => "waiting for the operator".to_owned(),
        Phase::Resolving => "resolving".to_owned(),
        Phase::Mirroring { .. } => "mirroring".to_owned(),
        Phase::RollingOut { generation, workloads, .. } => {
            let late: Vec<String> =
                workloads.iter().filter(|one| !one.is_done()).map(Progress::to_string).collect();
            format!("rolling out generation {generation}: {}", late.join(", "))
        }
        Phase::Retrying { .. } | Phase::Done { .. } | Phase::Failed { .. } => phase.to_string(),
    }
}

/// The lines of a phase, each of which is told once.
fn steps(phase: &Phase) -> Vec<String> {
    let published = |generation: &i64| format!("generation {generation} is published");
    match phase {
        Phase::Unseen | Phase::Failed { .. } => Vec::new(),
        Phase::Resolving => vec!["resolving".to_owned()],
        Phase::Retrying { .. } => vec![phase.to_string()],
        Phase::Mirroring { .. } => vec!["mirroring into the cache".to_owned()],
        Phase::RollingOut { generation, workloads, .. } => {
            let workloads = workloads.iter().map(Progress::to_string);
            std::iter::once(published(generation)).chain(workloads).collect()
        }
        Phase::Done { generation, workloads } => {
            let last = match workloads.len() {
                0 => "no workload follows the Tag".to_owned(),
                1 => format!("1 workload runs generation {generation}"),
                some => format!("{some} workloads run generation {generation}"),
            };
            let workloads = workloads.iter().map(Progress::to_string);
            std::iter::once(published(generation)).chain(workloads).chain([last]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::Readiness;

    #[test]
    fn each_workload_is_told_with_its_ready_pods() {
        let readiness = Readiness { wanted: Some(3), updated: 2, ready: 3, there: 4, is_observed: true };
        let one = |has_image, readiness| {
            Progress { label: "deployment/web".into(), has_image, readiness }.to_string()
        };
        assert_eq!(
            one(true, readiness),
            "deployment/web 2/3 ready",
            "an old one that is ready does not count"
        );
        assert_eq!(one(true, Readiness { is_observed: false, ..readiness }), "deployment/web 0/3 ready");
        assert_eq!(one(false, readiness), "deployment/web waits for the image");
        assert_eq!(one(true, Readiness::default()), "deployment/web has the image");
    }

    #[test]
    fn the_end_says_how_many_run_it() {
        let done = Phase::Done { generation: 2, workloads: Vec::new() };
        assert_eq!(steps(&done), ["generation 2 is published", "no workload follows the Tag"]);
    }
}
