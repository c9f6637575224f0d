//! What libFuzzer says of a run.

use std::fmt;

/// How many lines of the end are shown where something was found.
const SHOWN: usize = 40;

/// What a run came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    executions: u64,
    a_second: u64,
    /// How many counters of branches were reached.
    reached: u64,
    /// The file with the input that breaks a promise.
    pub(crate) finding: Option<String>,
    /// The last lines.
    pub(crate) end: String,
}

impl Report {
    /// Reads what libFuzzer printed.
    pub(crate) fn of(log: &str) -> Self {
        let stat = |name: &str| {
            let line = log.lines().rev().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
            line.and_then(|line| line.trim_start_matches(':').trim().parse().ok()).unwrap_or_default()
        };
        let reached = log.lines().rev().find_map(|line| {
            let mut words = line.split_whitespace().skip_while(|word| *word != "cov:").skip(1);
            words.next()?.parse().ok()
        });
        let finding = log.lines().find_map(|line| line.split_once("Test unit written to "));
        let lines: Vec<&str> = log.lines().collect();
        Self {
            executions: stat("number_of_executed_units"),
            a_second: stat("average_exec_per_sec"),
            reached: reached.unwrap_or_default(),
            finding: finding.map(|(_, file)| file.trim().to_owned()),
            end: lines[lines.len().saturating_sub(SHOWN)..].join("\n"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, a_second, reached, .. } = self;
        write!(f, "{executions} executions, {a_second} a second, {reached} branches reached")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_came_to_is_read() {
        let log = "#2\tINITED cov: 10 ft: 12 corp: 1/1b\n#9\tDONE   cov: 345 ft: 9 corp: 1/1b exec/s: 3\n\
                   stat::number_of_executed_units: 12345\nstat::average_exec_per_sec:     678\n";
        let report = Report::of(log);
        assert_eq!(report.to_string(), "12345 executions, 678 a second, 345 branches reached");
        assert_eq!(report.finding, None);
    }

    #[test]
    fn a_finding_is_named() {
        let log = "artifact_prefix='./f/'; Test unit written to ./f/crash-ab12\nBase64: YQ==\n";
        assert_eq!(Report::of(log).finding.as_deref(), Some("./f/crash-ab12"));
    }
}
