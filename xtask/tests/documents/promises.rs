//! The page of promises: every test that it names is there, and every promise names one.

use std::collections::BTreeSet;

use crate::page::{Page, root};

const PAGE: &str = "docs/security/hardening.md";

/// How many promises are numbered, and how many faults there are at least.
const NUMBERED: usize = 20;
const FAULTS: usize = 45;

/// The rows of the tables: what is promised, and the tests.
fn rows() -> Vec<(String, Vec<String>)> {
    let text = Page::read(PAGE).text;
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let rows = rows.map(|line| {
        let tests = line.split('`').filter(|part| part.contains(".rs::")).map(str::to_owned).collect();
        (line.split('`').next().unwrap_or_default().to_owned(), tests)
    });
    rows.filter(|(promise, _)| !promise.contains("Held by")).collect()
}

/// Whether a file has a test of this name.
fn is_there(test: &str) -> bool {
    let Some((path, name)) = test.split_once("::") else { return false };
    let Ok(source) = std::fs::read_to_string(root().join(path)) else { return false };
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let of_test = |at: usize| {
        let above = lines[..at].iter().rev().take_while(|line| !line.is_empty() && **line != "}");
        above
            .into_iter()
            .any(|line| ["#[test]", "#[rstest]", "#[tokio::test"].iter().any(|of| line.starts_with(of)))
    };
    let named = [format!("fn {name}("), format!("async fn {name}(")];
    let found = lines.iter().position(|line| named.iter().any(|named| line.starts_with(named.as_str())));
    found.is_some_and(of_test)
}

#[test]
fn every_promise_names_tests_that_are_there() {
    let rows = rows();
    let missing: Vec<_> = rows.iter().flat_map(|(_, tests)| tests).filter(|test| !is_there(test)).collect();
    assert!(missing.is_empty(), "{PAGE} names what is no test: {missing:#?}");
    let without: Vec<_> =
        rows.iter().filter(|(_, tests)| tests.is_empty()).map(|(promise, _)| promise).collect();
    assert!(without.is_empty(), "{PAGE} promises what no test holds: {without:#?}");
}

#[test]
fn every_promise_has_its_line() {
    let rows = rows();
    let number = |promise: &str| promise.split('|').nth(1)?.trim().parse::<usize>().ok();
    let numbered: BTreeSet<usize> = rows.iter().filter_map(|(promise, _)| number(promise)).collect();
    assert_eq!(numbered, (1..=NUMBERED).collect());
    assert!(rows.len() >= NUMBERED + FAULTS, "{}", rows.len());
}

#[test]
fn a_test_that_is_not_there_is_seen() {
    let here = "xtask/tests/documents/promises.rs";
    assert!(is_there(&format!("{here}::a_test_that_is_not_there_is_seen")));
    assert!(!is_there(&format!("{here}::is_there")));
    assert!(!is_there(&format!("{here}::no_such_test")));
    assert!(!is_there("no/such/file.rs::every_promise_has_its_line"));
}
