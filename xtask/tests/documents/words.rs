//! The words of conditions and Events are fixed, and people search for them: each is explained on a page, and no page explains one
//! that nobody says.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::page::{Page, files, root};

/// Where conditions and Events get their words.
const SPEAKERS: &[&str] =
    &["crates/controller/src", "crates/registry/src/fault.rs", "crates/tagger/src/certificate.rs"];

/// Other words of this form in the same files: types and values of conditions, tones and actions of Events, kinds, what a type is
/// called where it is printed.
const OTHERS: &[&str] = &[
    "Ready",
    "Stalled",
    "Census",
    "Metrics",
    "Specimen",
    "Serving",
    "Stalled",
    "Census",
    "Metrics",
    "Specimen",
    "Tag",
    "True",
    "Warning",
    "Normal",
    "Import",
    "Mirror",
    "Reconcile",
    "RollOut",
    "Select",
    "Tidy",
    "Track",
    "CronJob",
    "GiB",
    "KiB",
    "MiB",
    "TiB",
    "Deployment",
    "Job",
    "Pod",
    "Succeeded",
    "Failed",
];

#[test]
fn every_word_that_tagger_says_is_explained() {
    let explained: BTreeSet<String> = conditions().union(&events()).cloned().collect();
    let unexplained: Vec<_> = said().into_iter().filter(|word| !explained.contains(word)).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}; see docs/reference/conditions.md and events.md");
}

#[test]
fn every_word_that_is_explained_is_said() {
    let said = said();
    let unsaid: Vec<_> =
        conditions().union(&events()).filter(|word| !said.contains(*word)).cloned().collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}

/// Words in the code, outside of tests.
fn said() -> BTreeSet<String> {
    let sources = files(".rs").into_iter().filter(|path| SPEAKERS.iter().any(|of| path.starts_with(of)));
    let sources: Vec<PathBuf> = sources.filter(|path| !path.ends_with("tests.rs")).collect();
    assert!(sources.len() > 30, "{sources:?}");
    let words: BTreeSet<String> = sources.iter().flat_map(literals).filter(|word| is_word(word)).collect();
    assert!(words.len() > 60, "{words:?}");
    words.into_iter().filter(|word| !OTHERS.contains(&word.as_str())).collect()
}

fn literals(path: &PathBuf) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Whether it is one word with a capital, such as `NotFound`.
fn is_word(text: &str) -> bool {
    text.len() > 2
        && text.starts_with(|one: char| one.is_ascii_uppercase())
        && text.chars().all(|one| one.is_ascii_alphabetic())
        && text.contains(|one: char| one.is_ascii_lowercase())
}

fn conditions() -> BTreeSet<String> {
    explained("docs/reference/conditions.md", "reason")
}

fn events() -> BTreeSet<String> {
    explained("docs/reference/events.md", "reason")
}

/// The words in the columns of this name on a page.
fn explained(path: &str, column: &str) -> BTreeSet<String> {
    let page = Page::read(path);
    let (mut place, mut words) = (None, BTreeSet::new());
    for line in page.text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if cells.len() < 3 {
            place = None;
        } else if let Some(found) = cells.iter().position(|cell| *cell == column) {
            place = Some(found);
        } else if let Some(cell) = place.and_then(|place| cells.get(place)) {
            words.extend(cell.split('`').skip(1).step_by(2).filter(|word| is_word(word)).map(str::to_owned));
        }
    }
    assert!(!words.is_empty(), "{path}");
    words
}
