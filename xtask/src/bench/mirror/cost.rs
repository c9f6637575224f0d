//! What a program costs: time, processor time of its own, and the most memory that it held.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// How often a program's memory is looked at. The kernel keeps the highest figure itself, so only what is claimed in the
/// very last moment is missed.
const LOOK: Duration = Duration::from_millis(3);

/// A call of a program, and what it is given to read.
pub(super) struct Call {
    pub(super) command: Command,
    pub(super) input: String,
}

/// What one call or several calls cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// In seconds.
    pub(super) wall: f64,
    /// In seconds of processor time, user and system.
    pub(super) processor: f64,
    /// In KiB, of the call that held the most.
    pub(super) peak: u64,
}

/// Makes calls one after the other, and says what they cost together.
pub(super) async fn of(calls: Vec<Call>) -> Result<Cost> {
    let measure = move || calls.into_iter().try_fold(Cost::default(), |sum, call| Ok(sum.and(of_one(call)?)));
    tokio::task::spawn_blocking(measure).await.context("measuring was cut short")?
}

impl Cost {
    fn and(self, other: Self) -> Self {
        Self {
            wall: self.wall + other.wall,
            processor: self.processor + other.processor,
            peak: self.peak.max(other.peak),
        }
    }
}

fn of_one(call: Call) -> Result<Cost> {
    let Call { mut command, input } = call;
    let name = command.get_program().display().to_string();
    let before = processor()?;
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} can't be started"))?;
    let pid = child.id();
    let has_ended = AtomicBool::new(false);
    let (outcome, peak) = thread::scope(|scope| {
        let peak = scope.spawn(|| watch(pid, &has_ended));
        let outcome = finish(&mut child, &input);
        has_ended.store(true, Ordering::Relaxed);
        (outcome, peak.join().unwrap_or_default())
    });
    let wall = start.elapsed().as_secs_f64();
    let (succeeded, told) = outcome.with_context(|| format!("run {name}"))?;
    ensure!(succeeded, "{name} failed: {told}");
    Ok(Cost { wall, processor: processor()? - before, peak })
}

/// Gives a program its input and waits for its end; says whether it succeeded and what it told on stderr.
fn finish(child: &mut Child, input: &str) -> Result<(bool, String)> {
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let told = thread::scope(|scope| {
        // Both at once: a program that can't write what it has to say does not end.
        let reading = scope.spawn(|| text(stdout));
        let told = text(stderr);
        let _ = reading.join();
        told
    });
    Ok((child.wait()?.success(), told))
}

fn text(from: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What can't be read any more is not told.
    let _ = from.map(|mut from| from.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// The processor time of all programs that this one started and that have ended.
fn processor() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("the kernel tells no processor time")?;
    let spent = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(spent.num_microseconds().try_into()?).as_secs_f64())
}

/// The most memory that a process held until it ended, in KiB.
fn watch(pid: u32, has_ended: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !has_ended.load(Ordering::Relaxed) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        peak = parse(&status).unwrap_or_default().max(peak);
        thread::sleep(LOOK);
    }
    peak
}

/// Reads the highest figure from `/proc/PID/status`, see proc_pid_status(5).
fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, input: &str) -> Call {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Call { command, input: input.to_owned() }
    }

    #[tokio::test]
    async fn calls_are_made_one_after_the_other_and_cost_something() {
        let script = "read -r word; test \"$word\" = hello; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
        let cost = of(vec![shell(script, "hello\n"), shell(script, "hello\n")]).await.unwrap();
        assert!(cost.wall > 0.0 && cost.processor > 0.0 && cost.peak > 0, "{cost:?}");
    }

    #[tokio::test]
    async fn a_call_that_fails_is_told_in_its_own_words() {
        let error = of(vec![shell("echo no luck >&2; exit 3", "")]).await.unwrap_err();
        assert_eq!(error.to_string(), "sh failed: no luck");
    }

    #[test]
    fn the_highest_figure_is_read() {
        assert_eq!(parse("Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t  1234 kB\n"), Some(1234));
    }
}
