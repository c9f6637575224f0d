//! What the chart tells the program is what the program can be told.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory;
use serde_json::Value;
use tagger::arguments::Arguments;

use crate::rendered::{CASES, own_values};

/// Variables that the program reads by itself, for they must not be on a command line.
const NOT_A_FLAG: [&str; 1] = ["CACHE_REGISTRY_PASSWORD"];

/// Flags that the chart has no value for, and why.
const NO_VALUE: [(&str, &str); 1] =
    [("TAGGER_ADMISSION_URL", "it is for an operator outside of the cluster")];

/// The flags of `tagger run`: the variable of each, and its default.
fn flags() -> BTreeMap<String, String> {
    let command = Arguments::command();
    let run = command.find_subcommand("run").unwrap();
    let flag = |argument: &clap::Arg| {
        let default: Vec<_> =
            argument.get_default_values().iter().map(|it| it.to_string_lossy().into_owned()).collect();
        Some((argument.get_env()?.to_string_lossy().into_owned(), default.join(",")))
    };
    run.get_arguments().filter_map(flag).collect()
}

fn environment() -> impl Iterator<Item = (&'static str, &'static Value)> {
    CASES.iter().flat_map(|case| {
        let variables =
            case.operator()["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
        variables.iter().map(|variable| (case.name.as_str(), variable))
    })
}

#[test]
fn every_variable_is_one_that_the_program_knows() {
    let flags = flags();
    for (at, variable) in environment() {
        let name = variable["name"].as_str().unwrap();
        let elsewhere = [&NOT_A_FLAG[..], &["HTTPS_PROXY"]].concat();
        let known = flags.contains_key(name) || elsewhere.contains(&name);
        assert!(known, "{at}: tagger run has no {name}");
    }
}

#[test]
fn every_flag_of_the_program_can_be_set_by_a_value() {
    let set: BTreeSet<&str> = environment()
        .filter(|(at, _)| at.starts_with("ci/all"))
        .map(|(_, it)| it["name"].as_str().unwrap())
        .collect();
    for flag in flags().keys().filter(|flag| !NO_VALUE.iter().any(|(name, _)| name == flag)) {
        assert!(set.contains(flag.as_str()), "ci/all.yaml sets no {flag}: give it a value in the chart");
    }
}

#[test]
fn the_program_takes_what_it_is_told() {
    for case in CASES.iter() {
        let container = &case.operator()["spec"]["template"]["spec"]["containers"][0];
        let command = Arguments::command();
        let run = command.find_subcommand("run").unwrap();
        let mut words = vec!["tagger".to_owned(), "run".to_owned()];
        for variable in container["env"].as_array().unwrap() {
            let (Some(name), Some(value)) = (variable["name"].as_str(), variable["value"].as_str()) else {
                continue;
            };
            let of = |argument: &&clap::Arg| argument.get_env().is_some_and(|env| env == name);
            let Some(flag) = run.get_arguments().find(of) else { continue };
            let long = flag.get_long().unwrap();
            match flag.get_action().takes_values() {
                true => words.push(format!("--{long}={value}")),
                false => words.push(format!("--{long}")),
            }
        }
        let (args, more) = container["args"].as_array().unwrap().split_first().unwrap();
        assert_eq!(args, "run");
        assert!(more.iter().all(|word| word.as_str().unwrap().starts_with("--")), "{}", case.name);
        let told = command.clone().try_get_matches_from(&words);
        assert!(told.is_ok(), "{}: {}", case.name, told.unwrap_err());
    }
}

#[test]
fn values_that_the_program_has_defaults_for_are_its_defaults() {
    // The chart gives longer to drain: in a cluster more has to learn that a Pod goes. Its log is for machines.
    let other = ["TAGGER_DRAIN", "TAGGER_LOG_FORMAT"];
    let flags = flags();
    let mut compared = 0;
    for (at, variable) in environment().filter(|(at, _)| at.starts_with("ci/default")) {
        let (Some(name), Some(value)) = (variable["name"].as_str(), variable["value"].as_str()) else {
            continue;
        };
        if !other.contains(&name) && flags[name] != value {
            panic!("{at}: {name} is {value}, and {} in the program", flags[name]);
        }
        compared += 1;
    }
    assert!(compared > 12);
    assert_eq!(own_values()["log"]["level"], flags["TAGGER_LOG_LEVEL"]);
}
