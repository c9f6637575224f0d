//! Hostile input for every reader of what strangers write: the targets in `fuzz/`, by libFuzzer.

mod report;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::cargo;
use report::Report;

/// What one input may take: more is a finding as well.
const LIMITS: [&str; 3] = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=8192"];

/// The flags of `fuzz`.
#[derive(Args)]
pub(crate) struct Options {
    /// For how long each target is given input
    #[arg(long, value_name = "NUMBER", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Where chance begins, to be given the same input again; at random where none is named
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    seed: Option<u32>,
    /// The target, such as `reference`; all of them where none is named
    target: Option<String>,
}

/// Builds the targets and runs them, as many at once as there are processors. A finding is a failure, which says how to see it again.
pub(crate) fn run(options: &Options) -> Result<()> {
    let targets = chosen(options.target.as_deref())?;
    let programs = build(&targets)?;
    let places = thread::available_parallelism().map_or(1, usize::from);
    let open = Mutex::new(targets.iter());
    let next = || open.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let found = thread::scope(|scope| {
        let workers: Vec<_> = (0..places)
            .map(|_| {
                scope.spawn(|| -> Result<bool> {
                    let mut found = false;
                    while let Some(target) = next() {
                        found |= fuzz(target, &programs, options)?;
                    }
                    Ok(found)
                })
            })
            .collect();
        let ended = workers.into_iter().map(|worker| match worker.join() {
            Ok(found) => found,
            Err(_) => bail!("a worker panicked"),
        });
        ended.collect::<Result<Vec<bool>>>()
    })?;
    ensure!(!found.contains(&true), "fuzzing found something: see above");
    Ok(())
}

/// The targets by the names of their programs.
fn chosen(wanted: Option<&str>) -> Result<Vec<String>> {
    let folder = cargo::root().join("fuzz/fuzz_targets");
    let files = fs::read_dir(&folder).with_context(|| format!("{} can't be read", folder.display()))?;
    let mut all = Vec::new();
    for file in files {
        all.extend(file?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    all.sort();
    match wanted {
        None => Ok(all),
        Some(wanted) if all.iter().any(|target| target == wanted) => Ok(vec![wanted.to_owned()]),
        Some(wanted) => bail!("there is no target {wanted:?}; there are {}", all.join(", ")),
    }
}

/// Builds the programs with counters in our own crates, and says in which folder they are.
fn build(targets: &[String]) -> Result<PathBuf> {
    let mut build = vec!["build", "--package", "tagger-fuzz", "--features", "libfuzzer"];
    targets.iter().for_each(|target| build.extend(["--bin", target]));
    let wrapper = cargo::root().join("fuzz/instrumented");
    cargo::cargo_with(&build, &[("RUSTC_WORKSPACE_WRAPPER", wrapper.as_os_str())])?;
    Ok(cargo::target()?.join("debug"))
}

/// Runs one target, and says whether it found something. What it came upon stays in the target folder, for the next time.
fn fuzz(target: &str, programs: &Path, options: &Options) -> Result<bool> {
    let place = cargo::target()?.join("fuzz").join(target);
    let (corpus, findings, log) = (place.join("corpus"), place.join("findings"), place.join("log"));
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    }
    let file = File::create(&log).with_context(|| format!("{} can't be written", log.display()))?;
    let status = Command::new(programs.join(target))
        .args(LIMITS)
        .arg(format!("-max_total_time={}", options.seconds))
        .args(options.seed.map(|seed| format!("-seed={seed}")))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .arg("-print_final_stats=1")
        .args([&corpus, &cargo::root().join("fuzz/seeds").join(target)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .status()
        .with_context(|| format!("the target {target} can't be started"))?;
    let text = fs::read(&log).with_context(|| format!("{} can't be read", log.display()))?;
    let report = Report::of(&String::from_utf8_lossy(&text));
    println!("{target}: {report}");
    if !status.success() {
        println!("{}\n{target} found something; to see it again:", report.end);
        println!("  {} {}", programs.join(target).display(), report.finding.as_deref().unwrap_or("FILE"));
    }
    Ok(!status.success())
}
