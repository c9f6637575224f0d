//! The figures of very many Tags, for people and for machines.

use std::fmt;

use serde::Serialize;

use crate::bench::figures::median;
use crate::bench::goals::{Goal, Goals};
use crate::bench::processor::Seconds;

/// What is wanted of so many Tags: MiB of memory, and seconds from the start to ready.
const WANTED: [(usize, f64, f64); 2] = [(10_000, 64.0, 5.0), (100_000, 400.0, 40.0)];

/// All that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) tags: usize,
    pub(super) generations: i64,
    pub(super) kubernetes: String,
    /// With one Tag.
    pub(super) idle_mebibytes: f64,
    pub(super) starts: Vec<Start>,
    /// Of one processor.
    pub(super) idle_processor: f64,
    pub(super) relist: Relist,
}

/// One start with all Tags there.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Start {
    pub(super) ready_seconds: f64,
    /// Until all Tags were seen to.
    pub(super) settled_seconds: f64,
    pub(super) settled_mebibytes: f64,
    pub(super) peak_mebibytes: f64,
    pub(super) processor_seconds: Seconds,
}

/// What became of it when the API server had been away.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Relist {
    /// From the API server's being ready until a Tag was seen to that came meanwhile.
    pub(super) seen_seconds: f64,
    pub(super) settled_mebibytes: f64,
    pub(super) peak_mebibytes: f64,
    pub(super) processor_seconds: Seconds,
}

impl Report {
    fn of(&self, field: fn(&Start) -> f64) -> f64 {
        median(self.starts.iter().map(field))
    }

    fn goals(&self) -> Vec<Goal> {
        let wanted = WANTED.into_iter().filter(|(tags, ..)| *tags == self.tags);
        let goals = wanted.flat_map(|(_, memory, ready)| {
            [
                Goal::at_most("memory, all seen to", memory, self.of(|start| start.settled_mebibytes), "MiB"),
                Goal::at_most(
                    "memory, highest since the start",
                    memory,
                    self.of(|start| start.peak_mebibytes),
                    "MiB",
                ),
                Goal::at_most("memory, highest in a list anew", memory, self.relist.peak_mebibytes, "MiB"),
                Goal::at_most("from the start to ready", ready, self.of(|start| start.ready_seconds), "s"),
            ]
        });
        goals.collect()
    }
}

impl fmt::Display for Report {
    #[expect(clippy::cast_precision_loss, reason = "no count of Tags is that large")]
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tags, generations, kubernetes, idle_mebibytes, starts, idle_processor, relist } = self;
        writeln!(
            out,
            "{tags} Tags of {generations} generations on Kubernetes {kubernetes}, the median of {} starts\n",
            starts.len()
        )?;
        let settled = self.of(|start| start.settled_mebibytes);
        let each = (settled - idle_mebibytes) * 1024.0 / (*tags as f64);
        let used = |program: &str| median(starts.iter().map(|start| of(&start.processor_seconds, program)));
        writeln!(out, "memory, with one Tag            {idle_mebibytes:8.1} MiB")?;
        writeln!(out, "memory, all seen to             {settled:8.1} MiB   {each:.2} KiB a Tag more")?;
        writeln!(out, "memory, highest                 {:8.1} MiB", self.of(|start| start.peak_mebibytes))?;
        writeln!(out, "ready after                     {:8.2} s", self.of(|start| start.ready_seconds))?;
        writeln!(out, "all seen to after               {:8.2} s", self.of(|start| start.settled_seconds))?;
        writeln!(
            out,
            "processor time until then       {:8.2} s     API server {:.2} s",
            used("tagger"),
            used("kube-apiserver")
        )?;
        writeln!(out, "processor, idle                 {:8.2} %", idle_processor * 100.0)?;
        writeln!(out, "\nthe API server ended, and started again; all are listed anew:")?;
        writeln!(out, "a Tag that came meanwhile seen  {:8.2} s after it was ready", relist.seen_seconds)?;
        writeln!(out, "memory, highest                 {:8.1} MiB", relist.peak_mebibytes)?;
        writeln!(out, "memory, afterwards              {:8.1} MiB", relist.settled_mebibytes)?;
        writeln!(
            out,
            "processor time                  {:8.2} s     API server {:.2} s",
            of(&relist.processor_seconds, "tagger"),
            of(&relist.processor_seconds, "kube-apiserver")
        )?;
        writeln!(out)?;
        match self.goals() {
            goals if goals.is_empty() => writeln!(out, "nothing is wanted of this number of Tags"),
            goals => write!(out, "{}", Goals(&goals)),
        }
    }
}

fn of(seconds: &Seconds, program: &str) -> f64 {
    seconds.get(program).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_depends_on_the_number_of_tags() {
        let start = |ready| Start {
            ready_seconds: ready,
            settled_seconds: 3.0,
            settled_mebibytes: 60.0,
            peak_mebibytes: 70.0,
            processor_seconds: Seconds::from([("tagger".to_owned(), 1.5)]),
        };
        let relist = Relist {
            seen_seconds: 1.0,
            settled_mebibytes: 61.0,
            peak_mebibytes: 80.0,
            processor_seconds: Seconds::new(),
        };
        let starts = [2.0, 1.0, 9.0].map(start).into();
        let report = Report {
            tags: 10_000,
            generations: 1,
            kubernetes: "1.20".to_owned(),
            idle_mebibytes: 20.0,
            starts,
            idle_processor: 0.01,
            relist,
        };
        let text = report.to_string();
        for told in [
            "4.10 KiB a Tag more",
            "ready after                         2.00 s",
            "64       60 MiB  met",
            "64       80 MiB  NOT MET",
        ] {
            assert!(text.contains(told), "{told} is not in\n{text}");
        }
        let report = Report { tags: 7, ..report };
        assert!(report.to_string().ends_with("nothing is wanted of this number of Tags\n"));
    }
}
