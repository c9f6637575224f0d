//! The figures of Tags, for people and for machines.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::bench::figures::{mean, mebibytes, median};
use crate::bench::processor::Seconds;

/// What one run showed.
pub(super) struct Sample {
    pub(super) created: Duration,
    pub(super) ready: Duration,
    pub(super) registry: [Duration; 2],
    pub(super) writes: Duration,
    /// In KiB, as the memory below.
    pub(super) idle: u64,
    pub(super) peak: u64,
    pub(super) settled: u64,
    pub(super) restarted: u64,
    /// Until all were Ready.
    pub(super) processor: Seconds,
    /// For the same requests, by registry and API server themselves.
    pub(super) alone: Seconds,
}

/// The figures of a run, or the medians of several.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Figures {
    created_seconds: f64,
    ready_seconds: f64,
    registry_seconds: f64,
    writes_seconds: f64,
    ratio: f64,
    idle_mebibytes: f64,
    peak_mebibytes: f64,
    settled_mebibytes: f64,
    restarted_mebibytes: f64,
    processor_seconds: Seconds,
    processor_alone_seconds: Seconds,
}

/// All that was measured.
#[derive(Serialize)]
pub(super) struct Report {
    count: usize,
    cached: bool,
    kubernetes: String,
    median: Figures,
    runs: Vec<Figures>,
}

impl From<&Sample> for Figures {
    fn from(sample: &Sample) -> Self {
        let registry = mean(sample.registry[0], sample.registry[1]);
        Self {
            created_seconds: sample.created.as_secs_f64(),
            ready_seconds: sample.ready.as_secs_f64(),
            registry_seconds: registry.as_secs_f64(),
            writes_seconds: sample.writes.as_secs_f64(),
            ratio: sample.ready.as_secs_f64() / (registry + sample.writes).as_secs_f64(),
            idle_mebibytes: mebibytes(sample.idle),
            peak_mebibytes: mebibytes(sample.peak),
            settled_mebibytes: mebibytes(sample.settled),
            restarted_mebibytes: mebibytes(sample.restarted),
            processor_seconds: sample.processor.clone(),
            processor_alone_seconds: sample.alone.clone(),
        }
    }
}

impl Report {
    pub(super) fn new(count: usize, cached: bool, kubernetes: String, samples: &[Sample]) -> Self {
        let runs: Vec<Figures> = samples.iter().map(Figures::from).collect();
        let of = |field: fn(&Figures) -> f64| median(runs.iter().map(field));
        let median = Figures {
            created_seconds: of(|run| run.created_seconds),
            ready_seconds: of(|run| run.ready_seconds),
            registry_seconds: of(|run| run.registry_seconds),
            writes_seconds: of(|run| run.writes_seconds),
            ratio: of(|run| run.ratio),
            idle_mebibytes: of(|run| run.idle_mebibytes),
            peak_mebibytes: of(|run| run.peak_mebibytes),
            settled_mebibytes: of(|run| run.settled_mebibytes),
            restarted_mebibytes: of(|run| run.restarted_mebibytes),
            processor_seconds: medians(runs.iter().map(|run| &run.processor_seconds)),
            processor_alone_seconds: medians(runs.iter().map(|run| &run.processor_alone_seconds)),
        };
        Self { count, cached, kubernetes, median, runs }
    }
}

/// The median of each program.
fn medians<'a>(runs: impl Iterator<Item = &'a Seconds> + Clone) -> Seconds {
    let of = |name: &String| median(runs.clone().map(|run| run.get(name).copied().unwrap_or_default()));
    runs.clone().flat_map(Seconds::keys).map(|name| (name.clone(), of(name))).collect()
}

impl fmt::Display for Report {
    #[expect(clippy::cast_precision_loss, reason = "no count of Tags is that large")]
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, cached, kubernetes, median, runs } = self;
        let cold = if *cached { "cold mirrored" } else { "cold" };
        let each = 1000.0 * median.ready_seconds / (*count as f64);
        writeln!(out, "{count} {cold} Tags on Kubernetes {kubernetes}, the median of {} runs\n", runs.len())?;
        writeln!(out, "all created after       {:8.2} s", median.created_seconds)?;
        writeln!(out, "all Ready after         {:8.2} s     {each:.2} ms a Tag", median.ready_seconds)?;
        writeln!(
            out,
            "registry by itself      {:8.2} s     one HEAD and one GET a Tag",
            median.registry_seconds
        )?;
        writeln!(
            out,
            "API server by itself    {:8.2} s     one create and one status a Tag",
            median.writes_seconds
        )?;
        writeln!(out, "ratio                   {:8.2}       of Ready to the sum of these two", median.ratio)?;
        writeln!(out, "memory, idle            {:8.1} MiB", median.idle_mebibytes)?;
        writeln!(out, "memory, highest         {:8.1} MiB", median.peak_mebibytes)?;
        writeln!(out, "memory, with the Tags   {:8.1} MiB", median.settled_mebibytes)?;
        writeln!(
            out,
            "memory, started anew    {:8.1} MiB   highest, with the Tags there",
            median.restarted_mebibytes
        )?;
        writeln!(out, "\nprocessor time until all were Ready, and for the two by themselves:")?;
        for (name, seconds) in &median.processor_seconds {
            let alone = median.processor_alone_seconds.get(name).copied().unwrap_or_default();
            writeln!(out, "  {name:<21} {seconds:8.2} s   {alone:8.2} s")?;
        }
        let ready: Vec<String> = runs.iter().map(|run| format!("{:.2} s", run.ready_seconds)).collect();
        let ratios: Vec<String> = runs.iter().map(|run| format!("{:.2}", run.ratio)).collect();
        writeln!(out, "\nthe runs: {}; ratios {}", ready.join(", "), ratios.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: u64) -> Sample {
        Sample {
            created: Duration::from_secs(1),
            ready: Duration::from_secs(seconds),
            registry: [Duration::from_secs(1), Duration::from_secs(3)],
            writes: Duration::from_secs(2),
            idle: 20 * 1024,
            peak: 40 * 1024,
            settled: 30 * 1024,
            restarted: 35 * 1024,
            processor: Seconds::from([("tagger".to_owned(), 0.5)]),
            alone: Seconds::new(),
        }
    }

    #[test]
    fn the_ratio_is_to_what_registry_and_api_server_need_together() {
        let report = Report::new(1000, false, "1.20".to_owned(), &[sample(4), sample(6), sample(5)]);
        assert_eq!((report.median.ready_seconds, report.median.ratio), (5.0, 1.25));
        let text = report.to_string();
        assert!(text.contains("1000 cold Tags on Kubernetes 1.20, the median of 3 runs"), "{text}");
        assert!(text.contains("5.00 ms a Tag") && text.contains("ratios 1.00, 1.50, 1.25"), "{text}");
    }
}
