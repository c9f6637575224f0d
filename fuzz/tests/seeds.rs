//! The seeds of the fuzz targets, as they are and changed: what a fuzzer does for long is done for a moment in every run of the tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rstest::rstest;
use tagger_fuzz::{TARGETS, Target};

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target.name);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap()
}

/// A change of a seed: where, how much of it goes, and what comes in its place.
fn changed(mut seed: Vec<u8>, changes: &[(usize, usize, Vec<u8>)]) -> Vec<u8> {
    for (at, gone, new) in changes {
        let at = at % (seed.len() + 1);
        let end = (at + gone).min(seed.len());
        seed.splice(at..end, new.iter().copied());
    }
    seed
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        "[-:./@,\"'\\[\\]{}<>=* \n\r0-9a-z]{0,4}".prop_map(String::into_bytes),
        prop::sample::select(vec!["null", "\\u0000", "99999999999999999999", "é", "{}", "[]", "\u{1b}[31m"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

#[rstest]
fn every_promise_holds_for_seeds_and_for_changed_seeds(
    #[values(
        "admission",
        "challenge",
        "docker_config",
        "generate",
        "link",
        "manifest",
        "receiver",
        "reference",
        "registries_conf",
        "schedule",
        "tags"
    )]
    name: &str,
) {
    let (target, seeds) = (target(name), seeds(target(name)));
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| (target.check)(seed));
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    let changes = prop::collection::vec((any::<usize>(), 0..6_usize, any_bytes()), 1..4);
    TestRunner::new(config)
        .run(&(prop::sample::select(seeds), changes), |(seed, changes)| {
            (target.check)(&changed(seed, &changes));
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_target_has_a_program_of_its_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let mut programs: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    programs.sort();
    let names: Vec<std::ffi::OsString> =
        TARGETS.iter().map(|target| format!("{}.rs", target.name).into()).collect();
    assert_eq!(programs, names);
}
