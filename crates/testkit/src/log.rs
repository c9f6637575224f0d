//! The end of a process's log, for error texts.

use std::fs;
use std::path::Path;

/// How many lines an error shows.
const LINES: usize = 20;

/// The last lines of a log, or why there are none.
pub(crate) fn tail(path: &Path) -> String {
    match fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(LINES)..].iter().map(|line| format!("  | {line}\n")).collect()
        }
        Err(error) => format!("  (no log: {error})\n"),
    }
}
