//! Processor time of this program and of the programs that it started, by name: where the time of a machine went.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// How often it is looked whether a program is idle.
const LOOK: Duration = Duration::from_millis(500);

/// How much of a processor a program may use that is called idle. An API server of which nobody wants anything uses a little.
const IDLE: f64 = 0.2;

/// For how long it must have been so.
const QUIET: Duration = Duration::from_secs(3);

/// How long it is waited for that.
const LONGEST_BUSY: Duration = Duration::from_secs(180);

/// Seconds of processor time, by the name of the program.
pub(crate) type Seconds = BTreeMap<String, f64>;

/// What the kernel counts processor time in: hundredths of a second, on every machine that Linux runs on.
const TICKS: f64 = 100.0;

/// What all other programs of the machine are called together. Where they used much, the other figures mean little.
const OTHERS: &str = "all others";

/// What has been used so far, by programs that still run.
pub(crate) fn used() -> Seconds {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    let all: BTreeMap<u32, Process> = stats.filter_map(|stat| parse(&stat)).collect();
    let mut used = Seconds::new();
    for (pid, process) in &all {
        if is_ours(*pid, &all) {
            *used.entry(process.name.clone()).or_default() += process.seconds;
        }
    }
    let ours: f64 = used.values().sum();
    let machine = fs::read_to_string("/proc/stat").ok().and_then(|stat| parse_machine(&stat));
    used.extend(machine.map(|machine| (OTHERS.to_owned(), machine - ours)));
    used
}

/// What was used since `before`, without those that hardly used any.
pub(crate) fn since(before: &Seconds) -> Seconds {
    let mut used = used();
    for (name, seconds) in &mut used {
        *seconds -= before.get(name).copied().unwrap_or_default();
    }
    used.retain(|_, seconds| *seconds > 0.01);
    used
}

/// Waits until a program has hardly anything to do, and says when that began. Where it never is so, that is seen in what it uses then.
pub(crate) async fn until_idle(program: &str) -> Instant {
    let start = Instant::now();
    let mut before = used();
    let mut busy = start;
    while start.elapsed() < LONGEST_BUSY && busy.elapsed() < QUIET {
        sleep(LOOK).await;
        let now = used();
        let of = |seconds: &Seconds| seconds.get(program).copied().unwrap_or_default();
        if of(&now) - of(&before) > IDLE * LOOK.as_secs_f64() {
            busy = Instant::now();
        }
        before = now;
    }
    busy
}

struct Process {
    name: String,
    parent: u32,
    seconds: f64,
}

/// Reads a line of `/proc/PID/stat`, see proc_pid_stat(5). The name is in brackets and may hold anything.
fn parse(stat: &str) -> Option<(u32, Process)> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |number: usize| fields.get(number)?.parse::<f64>().ok();
    let process = Process {
        name: name.to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        seconds: (ticks(11)? + ticks(12)?) / TICKS,
    };
    Some((pid.parse().ok()?, process))
}

/// Reads from `/proc/stat`, see proc_stat(5), how long the processors were busy, be it for us or for a neighbour.
fn parse_machine(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<f64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _waiting, interrupt, soft_interrupt, steal, ..] = fields.as_slice()
    else {
        return None;
    };
    Some((user + nice + system + interrupt + soft_interrupt + steal) / TICKS)
}

fn is_ours(pid: u32, all: &BTreeMap<u32, Process>) -> bool {
    let ancestors = std::iter::successors(Some(pid), |pid| all.get(pid).map(|process| process.parent));
    ancestors.into_iter().any(|ancestor| ancestor == std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read_whatever_the_name() {
        let (pid, process) = parse("42 (a) b (c) S 7 42 42 0 -1 0 1 2 3 4 150 50 0 0 20 0").unwrap();
        assert_eq!((pid, process.name.as_str(), process.parent), (42, "a) b (c", 7));
        assert_eq!(process.seconds, 2.0);
    }

    #[test]
    fn a_processor_is_busy_when_it_neither_idles_nor_waits() {
        assert_eq!(parse_machine("cpu  100 1 100 9000 900 10 10 79 0 0\ncpu0 1"), Some(3.0));
    }

    #[test]
    fn this_program_is_among_ours() {
        assert!(!used().is_empty());
    }
}
