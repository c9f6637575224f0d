//! The figures of hand-overs, for people and for machines.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::bench::figures::median;
use crate::bench::goals::{Goal, Goals};
use crate::bench::writes::Counts;

/// How the replica that reconciles goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Way {
    /// By SIGTERM.
    Planned,
    /// By SIGKILL.
    Killed,
}

impl fmt::Display for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(if *self == Self::Planned { "planned" } else { "killed" })
    }
}

/// One that went.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    pub(super) way: Way,
    /// From the signal until its process had ended.
    pub(super) gone_seconds: f64,
    /// From the signal until the other one had imported something.
    pub(super) imported_seconds: f64,
}

/// All that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) lease_seconds: u32,
    pub(super) kubernetes: String,
    pub(super) figures: Vec<Figures>,
    pub(super) tags: usize,
    /// How many of them have more than one generation.
    pub(super) twice: usize,
    pub(super) requests: BTreeMap<String, usize>,
    pub(super) writes: Counts,
}

/// The Lease that what is wanted is said of.
const USUAL_LEASE: u32 = 15;

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "no count is that large")]
    fn goals(&self) -> Vec<Goal> {
        let worst = |way: Way| {
            self.figures
                .iter()
                .filter(|one| one.way == way)
                .map(|one| one.imported_seconds)
                .fold(0.0, f64::max)
        };
        let statuses = self.writes.get("update tags/status").copied().unwrap_or_default();
        let mut goals = Vec::new();
        if self.lease_seconds == USUAL_LEASE {
            goals.push(Goal::at_most(
                "planned: to the other one's next import",
                2.0,
                worst(Way::Planned),
                "s",
            ));
            goals.push(Goal::at_most(
                "killed: to the other one's next import",
                17.0,
                worst(Way::Killed),
                "s",
            ));
        }
        goals.push(Goal::at_most("Tags with a second generation", 0.0, self.twice as f64, ""));
        goals.push(Goal::at_most("writes of status a Tag", 1.0, statuses as f64 / self.tags as f64, ""));
        goals
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lease_seconds, kubernetes, figures, tags, requests, writes, .. } = self;
        writeln!(
            out,
            "Two replicas with a Lease of {lease_seconds} s on Kubernetes {kubernetes}, while {tags} Tags were made\n"
        )?;
        writeln!(out, "          process ended after   other one's first import after")?;
        for Figures { way, gone_seconds, imported_seconds } in figures {
            writeln!(out, "{way:<8} {gone_seconds:16.2} s {imported_seconds:26.2} s")?;
        }
        for way in [Way::Planned, Way::Killed] {
            let middle = median(figures.iter().filter(|one| one.way == way).map(|one| one.imported_seconds));
            writeln!(out, "{way}: median {middle:.2} s")?;
        }
        let listed = |counts: &BTreeMap<String, usize>| {
            counts.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(out, "\nrequests at the registry: {}", listed(requests))?;
        writeln!(out, "writes to the API server: {}\n", listed(writes))?;
        write!(out, "{}", Goals(&self.goals()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_hand_over_of_each_way_counts() {
        let one = |way, imported_seconds| Figures { way, gone_seconds: 0.5, imported_seconds };
        let figures = vec![one(Way::Planned, 0.5), one(Way::Planned, 2.5), one(Way::Killed, 16.0)];
        let report = Report {
            lease_seconds: USUAL_LEASE,
            kubernetes: "1.20".to_owned(),
            figures,
            tags: 100,
            twice: 0,
            requests: BTreeMap::from([("HEAD manifest".to_owned(), 101)]),
            writes: Counts::from([("update tags/status".to_owned(), 100)]),
        };
        let text = report.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        for told in [
            "planned: median 1.50 s",
            "at most 2 2.50 s NOT MET",
            "at most 17 16 s met",
            "second generation at most 0 0 met",
        ] {
            assert!(text.contains(told), "{told} is not in\n{text}");
        }
    }
}
