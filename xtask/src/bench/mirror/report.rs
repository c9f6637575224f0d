//! The figures of copies, for people and for machines.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::cost::Cost;
use super::scenario::Scenario;
use super::stage::Count;
use super::tool::Tool;
use crate::bench::figures::{mebibytes, median};

/// What one run showed: what it cost, or what it asked source and destination for.
pub(super) struct Run {
    pub(super) tool: Tool,
    pub(super) scenario: Scenario,
    pub(super) cost: Option<Cost>,
    pub(super) count: Option<[Count; 2]>,
}

/// The medians of a tool in a scenario.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Figures {
    wall_seconds: f64,
    processor_seconds: f64,
    peak_mebibytes: f64,
    /// The peak without what the same program holds for a tiny image.
    over_idle_mebibytes: f64,
    source: Count,
    destination: Count,
    wall_seconds_of_each_run: Vec<f64>,
}

/// All that was measured.
#[derive(Serialize)]
pub(super) struct Report {
    /// Of the large image, in bytes.
    size: u64,
    repeat: u32,
    figures: BTreeMap<Scenario, BTreeMap<Tool, Figures>>,
}

impl Report {
    pub(super) fn new(size: u64, repeat: u32, runs: &[Run]) -> Self {
        let mut figures: BTreeMap<Scenario, BTreeMap<Tool, Figures>> = BTreeMap::new();
        for scenario in Scenario::ALL {
            for tool in [Tool::Tagger, Tool::Skopeo] {
                let of =
                    |scenario| runs.iter().filter(move |run| run.tool == tool && run.scenario == scenario);
                let costs: Vec<Cost> = of(scenario).filter_map(|run| run.cost).collect();
                let idle =
                    median(of(Scenario::Tiny).filter_map(|run| run.cost).map(|cost| mebibytes(cost.peak)));
                let peak = median(costs.iter().map(|cost| mebibytes(cost.peak)));
                let [source, destination] = of(scenario).find_map(|run| run.count).unwrap_or_default();
                let all = Figures {
                    wall_seconds: median(costs.iter().map(|cost| cost.wall)),
                    processor_seconds: median(costs.iter().map(|cost| cost.processor)),
                    peak_mebibytes: peak,
                    over_idle_mebibytes: peak - idle,
                    source,
                    destination,
                    wall_seconds_of_each_run: costs.iter().map(|cost| cost.wall).collect(),
                };
                figures.entry(scenario).or_default().insert(tool, all);
            }
        }
        Self { size, repeat, figures }
    }

    /// Bytes of the large image in a second, in GB.
    #[expect(clippy::cast_precision_loss, reason = "no image is that large")]
    fn rate(&self, scenario: Scenario, tool: Tool) -> f64 {
        let figures = self.figures.get(&scenario).and_then(|tools| tools.get(&tool));
        figures.map_or(0.0, |figures| self.size as f64 / 1e9 / figures.wall_seconds)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self { size, repeat, .. }, tools) = (self, [Tool::Tagger, Tool::Skopeo]);
        writeln!(
            out,
            "copies between registries, the medians of {repeat} runs; the large image has {} MiB\n",
            size >> 20
        )?;
        let columns = "wall s   CPU s  peak MiB  over idle |  requests  of blobs      MiB |  requests  of blobs      MiB";
        writeln!(out, "{:<27}{columns}", "")?;
        writeln!(out, "{:<27}{:<37}|  {:<28}|  at the destination", "", "", "at the source")?;
        for (scenario, figures) in &self.figures {
            for (tool, figures) in figures {
                write!(out, "{scenario:<19} {tool:<6} ")?;
                write!(out, "{:7.2} {:7.2} ", figures.wall_seconds, figures.processor_seconds)?;
                write!(out, "{:9.1} {:10.1} ", figures.peak_mebibytes, figures.over_idle_mebibytes)?;
                for Count { requests, blob_requests, bytes } in [figures.source, figures.destination] {
                    write!(out, "| {requests:9} {blob_requests:9} {:8.1} ", mebibytes(bytes / 1024))?;
                }
                writeln!(out)?;
            }
            if let [Some(ours), Some(theirs)] = tools.map(|tool| figures.get(&tool)) {
                let ratio = |of: fn(&Figures) -> f64| of(ours) / of(theirs);
                write!(out, "{:<19} {:<6} ", "", "ratio")?;
                write!(out, "{:7.2} {:7.2} ", ratio(|f| f.wall_seconds), ratio(|f| f.processor_seconds))?;
                writeln!(out, "{:9.2}", ratio(|f| f.peak_mebibytes))?;
            }
        }
        let rates = tools.map(|tool| format!("{tool} {:.2} GB/s", self.rate(Scenario::Sink, tool)));
        writeln!(out, "\nto a sink: {}", rates.join(", "))?;
        let cold = self.figures.get(&Scenario::Cold).into_iter().flatten();
        for (tool, figures) in cold {
            let runs: Vec<String> =
                figures.wall_seconds_of_each_run.iter().map(|wall| format!("{wall:.2}")).collect();
            writeln!(out, "large, cold, each run: {tool} {} s", runs.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(tool: Tool, scenario: Scenario, wall: f64, peak: u64) -> Run {
        Run { tool, scenario, cost: Some(Cost { wall, processor: wall / 2.0, peak }), count: None }
    }

    #[test]
    fn the_ratio_is_of_our_median_to_theirs() {
        let mut runs = vec![run(Tool::Tagger, Scenario::Tiny, 0.1, 10 << 10)];
        runs.extend([3.0, 1.0, 2.0].map(|wall| run(Tool::Tagger, Scenario::Cold, wall, 20 << 10)));
        runs.push(run(Tool::Skopeo, Scenario::Cold, 4.0, 40 << 10));
        runs.push(run(Tool::Tagger, Scenario::Sink, 0.5, 20 << 10));
        let count = [Count { requests: 7, ..Count::default() }, Count { requests: 9, ..Count::default() }];
        runs.push(Run { tool: Tool::Tagger, scenario: Scenario::Cold, cost: None, count: Some(count) });
        let report = Report::new(1_000_000_000, 3, &runs);
        let cold = &report.figures[&Scenario::Cold][&Tool::Tagger];
        assert_eq!((cold.wall_seconds, cold.over_idle_mebibytes, cold.destination.requests), (2.0, 10.0, 9));
        let text = report.to_string();
        assert!(text.contains("ratio     0.50    0.50      0.50"), "{text}");
        assert!(text.contains("tagger 2.00 GB/s"), "{text}");
        assert!(text.contains("each run: tagger 3.00, 1.00, 2.00 s"), "{text}");
    }
}
