//! The figures of polling, for people and for machines.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::phase::Figures;
use super::restart::Restart;
use super::rhythm::SPREAD;

/// The request that polling is made of.
const LOOK: &str = "HEAD manifest";

/// All that was measured.
#[derive(Serialize)]
pub(super) struct Report {
    tags: usize,
    registries: usize,
    interval_seconds: f64,
    kubernetes: String,
    states: Vec<Figures>,
    restart: Restart,
}

impl Report {
    pub(super) fn new(
        tags: usize,
        registries: usize,
        interval: Duration,
        kubernetes: String,
        states: Vec<Figures>,
        restart: Restart,
    ) -> Self {
        Self { tags, registries, interval_seconds: interval.as_secs_f64(), kubernetes, states, restart }
    }

    /// How many requests a second there are where polls are not spread.
    #[expect(clippy::cast_precision_loss, reason = "no count of Tags is that large")]
    fn even(&self) -> f64 {
        self.tags as f64 / self.interval_seconds
    }
}

impl Figures {
    fn looks(&self) -> usize {
        self.requests.get(LOOK).copied().unwrap_or_default()
    }

    /// Requests that polling should not need.
    fn others(&self) -> usize {
        self.requests.values().sum::<usize>() - self.looks()
    }

    #[expect(clippy::cast_precision_loss, reason = "no count of requests is that large")]
    fn looks_a_second(&self) -> f64 {
        self.looks() as f64 / self.seconds
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tags, registries, interval_seconds, kubernetes, states, restart } = self;
        writeln!(
            out,
            "{tags} Tags over {registries} registries on Kubernetes {kubernetes}, each polled every {interval_seconds} s\n{:.0} to {:.0} a second are meant, for up to {:.1} s of lateness are: polls are spread over a tenth of the interval\n",
            self.even() / (1.0 + SPREAD),
            self.even(),
            interval_seconds * SPREAD
        )?;
        writeln!(
            out,
            "{:<16}   HEADs    other |        late, in s         |   CPU      RSS     peak | writes",
            ""
        )?;
        writeln!(out, "{:<16}     a s requests |  median     p99     max |   a s      MiB      MiB |", "")?;
        for state in states {
            let late = &state.lateness;
            write!(out, "{:<16} {:7.1} {:8} | ", state.name, state.looks_a_second(), state.others())?;
            write!(out, "{:7.2} {:7.2} {:7.2} | ", late.median, late.p99, late.max)?;
            write!(out, "{:5.3} ", state.processor)?;
            write!(out, "{:8.1} {:8.1} | ", state.memory_mebibytes, state.peak_mebibytes)?;
            writeln!(out, "{}", state.writes.values().sum::<usize>())?;
        }
        writeln!(out)?;
        for state in states {
            if let Some(requests) = state.requests_at_the_sick {
                writeln!(
                    out,
                    "{}: it got {requests} requests in {:.0} s; the line above is of the others",
                    state.name, state.seconds
                )?;
            }
            for (what, count) in state.requests.iter().filter(|(what, _)| what.as_str() != LOOK) {
                writeln!(out, "{}: {count} requests {what}", state.name)?;
            }
            for (what, count) in &state.writes {
                writeln!(out, "{}: the operator wrote {count} times: {what}", state.name)?;
            }
        }
        let [first, five, ten] = [1, 5, 10].map(|seconds| restart.first(seconds));
        writeln!(
            out,
            "\nstarted again, ready after {:.2} s: {first} requests in the first second, {five} in five, {ten} in ten, {} in {interval_seconds}; {} in the second with most",
            restart.ready_seconds,
            restart.each_second.iter().sum::<usize>(),
            restart.most()
        )?;
        for (what, count) in &restart.requests {
            writeln!(out, "started again: {count} requests {what}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bench::figures::Spread;

    #[test]
    fn what_polling_should_not_need_is_told_by_itself() {
        let state = Figures {
            name: "one hangs".to_owned(),
            seconds: 10.0,
            requests: BTreeMap::from([(LOOK.to_owned(), 50), ("GET manifest".to_owned(), 2)]),
            lateness: Spread::of(vec![0.5, 1.5, 0.25]),
            requests_at_the_sick: Some(7),
            writes: BTreeMap::from([("patch tags/status".to_owned(), 3)]),
            ..Figures::default()
        };
        let restart = Restart { each_second: vec![4, 0, 9], ..Restart::default() };
        let interval = Duration::from_secs(30);
        let text = Report::new(300, 3, interval, "1.20".to_owned(), vec![state], restart).to_string();
        for told in [
            "300 Tags over 3 registries on Kubernetes 1.20, each polled every 30 s\n9 to 10 a second are meant, for up to 3.0 s",
            "one hangs            5.0        2 |    0.50    1.50    1.50 |",
            "one hangs: it got 7 requests in 10 s",
            "one hangs: 2 requests GET manifest",
            "one hangs: the operator wrote 3 times: patch tags/status",
            "4 requests in the first second, 13 in five, 13 in ten, 13 in 30; 9 in the second with most",
        ] {
            assert!(text.contains(told), "{told} is not in\n{text}");
        }
    }
}
