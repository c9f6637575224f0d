//! How far it is, drawn: one line that moves on a terminal, and elsewhere a line for each step.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::phase::{Phase, Progress};
use crate::screen::Screen;

/// What is drawn of a wait.
pub(crate) struct Drawing {
    screen: Screen,
    bar: ProgressBar,
    /// What was told last, where there is no terminal.
    told: Vec<String>,
}

impl Drawing {
    pub(crate) fn new(screen: Screen, name: &str) -> Self {
        let bar = ProgressBar::new(0).with_prefix(name.to_owned());
        bar.set_style(spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { screen, bar, told: Vec::new() }
    }

    /// Shows a phase. What was shown already is not shown again.
    pub(crate) fn show(&mut self, phase: &Phase) {
        if let Phase::Mirroring { copied, total } = phase {
            self.bar.set_style(transfer());
            self.bar.set_length(*total);
            self.bar.set_position(*copied);
        } else {
            self.bar.set_style(spinner());
        }
        self.bar.set_message(phase.to_string());
        for line in steps(phase) {
            if !self.told.contains(&line) {
                self.bar.suspend(|| self.screen.note(&line));
                self.told.push(line);
            }
        }
        if matches!(phase, Phase::Done { .. } | Phase::Failed { .. }) {
            self.bar.finish_and_clear();
        }
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The lines of a phase, each of which is told once.
fn steps(phase: &Phase) -> Vec<String> {
    let workloads = |all: &[Progress]| -> Vec<String> { all.iter().map(workload).collect() };
    match phase {
        Phase::Resolving => vec!["asking the registry".to_owned()],
        Phase::Mirroring { .. } => vec!["mirroring into the cache".to_owned()],
        Phase::RollingOut { generation, workloads: all } => {
            [vec![format!("generation {generation} is published")], workloads(all)].concat()
        }
        Phase::Done { generation, workloads: all } => {
            let published = vec![format!("generation {generation} is published")];
            let last = match all.len() {
                0 => "no workload follows the Tag".to_owned(),
                1 => "1 workload runs it".to_owned(),
                some => format!("{some} workloads run it"),
            };
            [published, workloads(all), vec![last]].concat()
        }
        Phase::Failed { .. } => Vec::new(),
    }
}

fn workload(progress: &Progress) -> String {
    let label = &progress.label;
    match (progress.has_image, progress.readiness.wanted) {
        (false, _) => format!("{label} waits for the image"),
        (true, None) => format!("{label} has the image"),
        (true, Some(wanted)) => {
            let ready = progress.readiness.ready.min(progress.readiness.updated);
            format!("{label} {ready}/{wanted} ready")
        }
    }
}

fn spinner() -> ProgressStyle {
    style("{spinner} {prefix}: {msg}")
}

fn transfer() -> ProgressStyle {
    style("{spinner} {prefix}: mirroring {bytes}/{total_bytes} {bytes_per_sec} {wide_bar}")
}

/// The templates are ours, and right; one that were not would draw nothing worse than the default.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::Readiness;

    #[test]
    fn each_workload_is_told_with_its_ready_pods() {
        let readiness = Readiness { wanted: Some(3), updated: 2, ready: 3, there: 4, is_observed: true };
        let progress =
            |has_image, readiness| Progress { label: "deployment/web".into(), has_image, readiness };
        assert_eq!(workload(&progress(true, readiness)), "deployment/web 2/3 ready");
        assert_eq!(workload(&progress(false, readiness)), "deployment/web waits for the image");
        assert_eq!(workload(&progress(true, Readiness::default())), "deployment/web has the image");
    }

    #[test]
    fn the_end_says_how_many_run_it() {
        let done = Phase::Done { generation: 2, workloads: Vec::new() };
        assert_eq!(steps(&done), ["generation 2 is published", "no workload follows the Tag"]);
    }
}
