//! The figures of very many roll-outs at once, for people and for machines.

use std::fmt;
use std::time::Instant;

use serde::Serialize;

use super::bystander::Took;
use crate::bench::figures::{Spread, median};
use crate::bench::goals::{Goal, Goals};
use crate::bench::processor::Seconds;
use crate::bench::writes::Counts;

/// How many Deployments are to be updated within [`WANTED`] seconds.
const MANY: usize = 1_000;
/// See [`MANY`].
const WANTED: f64 = 10.0;

/// All that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) deployments: usize,
    pub(super) replicas: u32,
    pub(super) kubernetes: String,
    pub(super) steps: Vec<Step>,
}

/// One step of the Tag.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    /// From the step to each Deployment's new image.
    seconds: Spread,
    /// The other user's calls, in milliseconds.
    reads: Beside,
    writes: Beside,
    processor_seconds: Seconds,
    /// What the operator wrote to the API server.
    written: Counts,
}

/// How long the same call took before and during the roll-outs.
#[derive(Clone, Copy, Debug, Serialize)]
struct Beside {
    before: Spread,
    during: Spread,
}

impl Step {
    pub(super) fn new(
        start: Instant,
        updated: Vec<Instant>,
        before: &Took,
        during: Took,
        processor_seconds: Seconds,
        written: Counts,
    ) -> Self {
        let since = |moment: Instant| moment.saturating_duration_since(start).as_secs_f64();
        let beside = |before: &[f64], during| Beside {
            before: Spread::of(before.to_vec()),
            during: Spread::of(during),
        };
        Self {
            seconds: Spread::of(updated.into_iter().map(since).collect()),
            reads: beside(&before.reads, during.reads),
            writes: beside(&before.writes, during.writes),
            processor_seconds,
            written,
        }
    }
}

impl Beside {
    fn median(&self) -> f64 {
        self.during.median / self.before.median
    }
}

impl Report {
    fn goals(&self) -> Vec<Goal> {
        if self.deployments != MANY {
            return Vec::new();
        }
        let of = |field: fn(&Step) -> f64| median(self.steps.iter().map(field));
        vec![
            Goal::at_most("all Deployments updated after", WANTED, of(|step| step.seconds.max), "s"),
            Goal::at_most("another user's reads meanwhile: ratio", 2.0, of(|step| step.reads.median()), ""),
            Goal::at_most("another user's writes meanwhile: ratio", 2.0, of(|step| step.writes.median()), ""),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deployments, replicas, kubernetes, steps } = self;
        writeln!(
            out,
            "{deployments} Deployments of {replicas} Pods on one Tag, on Kubernetes {kubernetes}\n"
        )?;
        writeln!(
            out,
            "       updated after, in s     | another user's calls, in ms: median and p99 before, then meanwhile"
        )?;
        writeln!(out, "step  median     p99     all   |  reads                           |  writes")?;
        for (number, step) in (1..).zip(steps) {
            let Step { seconds, reads, writes, .. } = step;
            write!(out, "{number:4} {:7.2} {:7.2} {:7.2}   |", seconds.median, seconds.p99, seconds.max)?;
            for Beside { before, during } in [reads, writes] {
                write!(
                    out,
                    " {:6.2} {:6.2} : {:6.2} {:6.2}   |",
                    before.median, before.p99, during.median, during.p99
                )?;
            }
            writeln!(out)?;
        }
        for (number, step) in (1..).zip(steps) {
            let used: Vec<String> = step
                .processor_seconds
                .iter()
                .map(|(name, seconds)| format!("{name} {seconds:.1} s"))
                .collect();
            let written: Vec<String> =
                step.written.iter().map(|(what, count)| format!("{count} {what}")).collect();
            writeln!(out, "\nstep {number}: the operator's writes: {}", written.join(", "))?;
            writeln!(out, "  processor time until all were updated: {}", used.join(", "))?;
        }
        match self.goals() {
            goals if goals.is_empty() => Ok(()),
            goals => write!(out, "\n{}", Goals(&goals)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_slowest_deployment_counts_and_the_other_user_s_median() {
        let start = Instant::now();
        let updated = [1, 2, 4].map(|seconds| start + Duration::from_secs(seconds)).into();
        let before = Took { reads: vec![2.0; 9], writes: vec![4.0; 9] };
        let during = Took { reads: vec![3.0; 9], writes: vec![12.0; 9] };
        let step = Step::new(
            start,
            updated,
            &before,
            during,
            Seconds::new(),
            Counts::from([("patch deployments".to_owned(), 3)]),
        );
        let report =
            Report { deployments: MANY, replicas: 1, kubernetes: "1.20".to_owned(), steps: vec![step] };
        let text = report.to_string();
        for told in [
            "3 patch deployments",
            "10        4 s    met",
            "reads meanwhile: ratio         at most      2     1.50      met",
            "writes meanwhile: ratio        at most      2        3      NOT MET",
        ] {
            assert!(text.contains(told), "{told} is not in\n{text}");
        }
    }
}
