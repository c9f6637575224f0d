//! The figures of admission, for people and for machines.

use std::fmt;

use serde::Serialize;

use super::load::Seen;
use super::spent::Mean;
use super::writes::Took;
use crate::bench::figures::{Spread, median};
use crate::bench::goals::{Goal, Goals};
use crate::bench::processor::Seconds;

/// All that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) tags: usize,
    pub(super) connections: usize,
    pub(super) kubernetes: String,
    pub(super) bytes_of_a_review: usize,
    /// As fast as the answers came.
    pub(super) full: Vec<Direct>,
    /// So many a second as are wanted.
    pub(super) steady: Vec<Direct>,
    /// The same while every registry hangs.
    pub(super) hanging: Vec<Direct>,
    pub(super) peak_mebibytes: f64,
    pub(super) rounds: Vec<Round>,
    /// How long a review of these writes took.
    pub(super) review: Mean,
}

/// What those saw who asked the webhook itself.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Direct {
    pub(super) reviews: usize,
    pub(super) a_second: f64,
    pub(super) milliseconds: Spread,
    pub(super) processor_seconds: Seconds,
}

/// One round of writes through the API server, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Round {
    mean_with: f64,
    mean_without: f64,
    mean_bare: f64,
    with: Spread,
    without: Spread,
    bare: Spread,
}

/// How many reviews a second are wanted.
pub(super) const WANTED: u32 = 5_000;

impl Direct {
    #[expect(clippy::cast_precision_loss, reason = "no count of reviews is that large")]
    pub(super) fn new(seen: Seen, processor_seconds: Seconds) -> Self {
        let reviews = seen.milliseconds.len();
        let a_second = reviews as f64 / seen.took.as_secs_f64();
        Self { reviews, a_second, milliseconds: Spread::of(seen.milliseconds), processor_seconds }
    }
}

impl From<Took> for Round {
    fn from(took: Took) -> Self {
        Self {
            mean_with: mean(&took.with),
            mean_without: mean(&took.without),
            mean_bare: mean(&took.bare),
            with: Spread::of(took.with),
            without: Spread::of(took.without),
            bare: Spread::of(took.bare),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no count of writes is that large")]
fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len().max(1) as f64
}

impl Report {
    fn goals(&self) -> Vec<Goal> {
        let direct = |all: &[Direct], field: fn(&Direct) -> f64| median(all.iter().map(field));
        let p99 = |direct: &Direct| direct.milliseconds.p99;
        let middle = |direct: &Direct| direct.milliseconds.median;
        let mut goals = vec![
            Goal::at_least(
                "reviews, at full speed",
                f64::from(WANTED),
                direct(&self.full, |direct| direct.a_second),
                "/s",
            ),
            Goal::at_most("p99, at full speed", 10.0, direct(&self.full, p99), "ms"),
            Goal::at_most(format!("p99, at {WANTED} a second"), 10.0, direct(&self.steady, p99), "ms"),
            Goal::at_most("memory, highest under all this", 32.0, self.peak_mebibytes, "MiB"),
            Goal::at_most(
                "a write with the webhook, mean: over without",
                1.0,
                self.rounds(|round| round.mean_with - round.mean_without),
                "ms",
            ),
            Goal::at_most(
                "a write with the webhook, p99: over without",
                5.0,
                self.rounds(|round| round.with.p99 - round.without.p99),
                "ms",
            ),
        ];
        if !self.hanging.is_empty() {
            let ratio =
                |field: fn(&Direct) -> f64| direct(&self.hanging, field) / direct(&self.steady, field);
            goals.push(Goal::at_most("median while every registry hangs: ratio", 1.25, ratio(middle), ""));
            goals.push(Goal::at_most("p99 while every registry hangs: ratio", 1.5, ratio(p99), ""));
        }
        goals
    }

    /// The median of the rounds of writes.
    fn rounds(&self, field: fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(field))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tags, connections, kubernetes, bytes_of_a_review, .. } = self;
        writeln!(
            out,
            "{tags} Tags on Kubernetes {kubernetes}; reviews of {bytes_of_a_review} bytes on average over {connections} connections\n"
        )?;
        writeln!(out, "{:<28}  reviews       a |     answers, in ms     | processor, in s", "")?;
        writeln!(out, "{:<28}           second | median    p99      max |  tagger    load", "")?;
        for (name, all) in [
            ("at full speed", &self.full),
            ("at a steady rate", &self.steady),
            ("every registry hangs", &self.hanging),
        ] {
            for Direct { reviews, a_second, milliseconds, processor_seconds } in all {
                let used = |program: &str| processor_seconds.get(program).copied().unwrap_or_default();
                write!(out, "{name:<28} {reviews:8} {a_second:7.0} | ")?;
                write!(
                    out,
                    "{:6.2} {:6.2} {:8.2} | ",
                    milliseconds.median, milliseconds.p99, milliseconds.max
                )?;
                writeln!(out, "{:7.2} {:7.2}", used("tagger"), used("xtask"))?;
            }
        }
        writeln!(out, "\nwrites through the API server, in turn, in ms:")?;
        writeln!(out, "            with the webhook        |   with a bare webhook   |         without")?;
        writeln!(
            out,
            "       mean  median     p99     max |    mean  median     p99 |    mean  median     p99"
        )?;
        for Round { mean_with, mean_without, mean_bare, with, without, bare } in &self.rounds {
            write!(out, "    {mean_with:7.2} {:7.2} {:7.2} {:7.2} | ", with.median, with.p99, with.max)?;
            write!(out, "{mean_bare:7.2} {:7.2} {:7.2} | ", bare.median, bare.p99)?;
            writeln!(out, "{mean_without:7.2} {:7.2} {:7.2}", without.median, without.p99)?;
        }
        writeln!(
            out,
            "over those without, a bare webhook adds {:.2} ms, and {:.2} ms to p99",
            self.rounds(|round| round.mean_bare - round.mean_without),
            self.rounds(|round| round.bare.p99 - round.without.p99)
        )?;
        let Mean { in_tagger, asking } = self.review;
        writeln!(
            out,
            "of each write with the webhook, {asking:.2} ms pass until the API server has its answer, {in_tagger:.2} of them in Tagger"
        )?;
        write!(out, "\n{}", Goals(&self.goals()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn direct(milliseconds: f64) -> Direct {
        let seen = Seen { took: Duration::from_secs(2), milliseconds: vec![milliseconds; 20_000] };
        Direct::new(seen, Seconds::from([("tagger".to_owned(), 1.0)]))
    }

    #[test]
    fn what_is_reached_is_a_median_of_rounds() {
        let round = |with: f64| {
            let bare = vec![1.25, 3.25];
            Round::from(Took { with: vec![with, with + 2.0], without: vec![1.0, 3.0], bare })
        };
        let report = Report {
            tags: 10,
            connections: 4,
            kubernetes: "1.20".to_owned(),
            bytes_of_a_review: 4000,
            full: [1.0, 2.0, 30.0].map(direct).into(),
            steady: vec![direct(2.0)],
            hanging: vec![direct(3.0)],
            peak_mebibytes: 20.5,
            rounds: [1.5, 9.0, 1.25].map(round).into(),
            review: Mean { in_tagger: 0.25, asking: 1.5 },
        };
        let text = report.to_string();
        for told in [
            "at least   5000    10000 /s   met",
            "p99, at full speed                            at most     10        2 ms   met",
            "over without  at most      1     0.50 ms   met",
            "a bare webhook adds 0.25 ms, and 0.25 ms to p99",
            "ratio      at most   1.25     1.50      NOT MET",
            "1.50 ms pass until the API server has its answer, 0.25 of them in Tagger",
        ] {
            assert!(text.contains(told), "{told} is not in\n{text}");
        }
    }
}
