//! The figures of notifications, for people and for machines.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::scene::Figures;

/// All that was measured.
#[derive(Serialize)]
pub(super) struct Report {
    tags: usize,
    connections: usize,
    kubernetes: String,
    events: Vec<Figures>,
}

impl Report {
    pub(super) fn new(tags: usize, connections: usize, kubernetes: String, events: Vec<Figures>) -> Self {
        Self { tags, connections, kubernetes, events }
    }
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "no count of notifications is that large")]
    fn a_second(&self) -> f64 {
        self.notifications as f64 / self.seconds
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tags, connections, kubernetes, events } = self;
        writeln!(
            out,
            "{tags} Tags at one registry on Kubernetes {kubernetes}; notifications over {connections} connections\n"
        )?;
        writeln!(out, "{:<24}  notifi-      a |   answers, in ms   | looked,  Ready, | memory, in MiB", "")?;
        writeln!(
            out,
            "{:<24}  cations second | median   p99   max | in s     in s   | before   peak  after",
            ""
        )?;
        for event in events {
            let latency = &event.latency_milliseconds;
            write!(out, "{:<24} {:8} {:6.0} | ", event.name, event.notifications, event.a_second())?;
            write!(out, "{:6.2} {:5.1} {:5.0} | ", latency.median, latency.p99, latency.max)?;
            let ready = event.ready_seconds.map_or("-".to_owned(), |ready| format!("{ready:.2}"));
            write!(out, "{:6.2} {ready:>7} | ", event.asked_seconds)?;
            write!(out, "{:6.1} {:6.1} ", event.before_mebibytes, event.peak_mebibytes)?;
            writeln!(out, "{:6.1}", event.after_mebibytes)?;
        }
        for event in events {
            writeln!(out, "\n{}: {} generations made", event.name, event.generations)?;
            writeln!(out, "  answers: {}", listed(&event.codes))?;
            writeln!(out, "  requests at the registry: {}", listed(&event.requests))?;
            writeln!(out, "  writes to the API server: {}", listed(&event.writes))?;
            let seconds = |(name, seconds): (&String, &f64)| format!("{name} {seconds:.2} s");
            let processor: Vec<String> = event.processor_seconds.iter().map(seconds).collect();
            writeln!(out, "  processor time: {}", processor.join(", "))?;
        }
        Ok(())
    }
}

fn listed(counts: &BTreeMap<String, usize>) -> String {
    match counts.is_empty() {
        true => "none".to_owned(),
        false => counts.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_burst_led_to_is_told() {
        let burst = Figures {
            name: "one Tag's, it moved".to_owned(),
            notifications: 10_000,
            seconds: 2.0,
            codes: BTreeMap::from([("202".to_owned(), 10_000), ("429".to_owned(), 3)]),
            ready_seconds: Some(0.25),
            requests: BTreeMap::from([("HEAD manifest".to_owned(), 4)]),
            generations: 1,
            ..Figures::default()
        };
        let text = Report::new(10, 64, "1.20".to_owned(), vec![burst]).to_string();
        for told in [
            "10 Tags at one registry on Kubernetes 1.20; notifications over 64 connections",
            "one Tag's, it moved         10000   5000 |",
            "    0.25 |",
            "one Tag's, it moved: 1 generations made",
            "answers: 10000 202, 3 429",
            "requests at the registry: 4 HEAD manifest",
            "writes to the API server: none",
        ] {
            assert!(text.contains(told), "{told} is not in\n{text}");
        }
    }
}
