//! One named step of a long preparation, which shows life while it runs and its log when it fails.

use std::fs;
use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;

use super::ASSETS_VARIABLE;
use crate::leash::Leashed;
use crate::log::tail;

/// How often a step that writes to a file or a pipe says that it's still there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Tells a line of progress.
pub(super) fn say(line: &str) {
    eprintln!("{line}");
}

/// Runs a command as a step of this name.
///
/// The command is on a leash: an interrupted build stops building.
pub(super) fn run(name: &str, command: &Command, logs: &Path) -> Result<()> {
    let log = logs.join(format!("{}.log", name.replace(|c: char| !c.is_alphanumeric(), "-")));
    fs::write(&log, format!("{command:?}\n")).with_context(|| format!("write {}", log.display()))?;
    let start = Instant::now();
    let spinner = stderr().is_terminal().then(ProgressBar::new_spinner);
    if let Some(spinner) = &spinner {
        spinner.enable_steady_tick(Duration::from_millis(120));
    } else {
        say(&format!("{name} ..."));
    }
    let mut child = Leashed::spawn(command, &log)?;
    let mut told = start;
    let status = loop {
        if let Some(status) = child.exit_status()? {
            break status;
        }
        if let Some(spinner) = &spinner {
            spinner.set_message(format!("{name} ({}s)", start.elapsed().as_secs()));
        } else if told.elapsed() >= SIGN_OF_LIFE {
            told = Instant::now();
            say(&format!("{name} ... {}s", start.elapsed().as_secs()));
        }
        sleep(Duration::from_millis(50));
    };
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    if status != 0 {
        bail!(
            "the step \"{name}\" failed with status {status}. The end of its log, {}:\n{}\n\
             Put that right and run `cargo xtask assets` again, or name a folder of ready binaries in \
             {ASSETS_VARIABLE}.",
            log.display(),
            tail(&log)
        );
    }
    say(&format!("{name}: done in {:.1}s", start.elapsed().as_secs_f32()));
    Ok(())
}
