//! The workflows of releases: what they run is pinned, and they may do no more than each job needs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use serde_json::Value;

/// The workflows, each by its name.
fn workflows() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/workflows");
    let files = std::fs::read_dir(folder).unwrap();
    let mut workflows: Vec<(String, Value)> = files
        .map(|file| {
            let file = file.unwrap();
            let text = std::fs::read_to_string(file.path()).unwrap();
            (file.file_name().to_string_lossy().into_owned(), serde_yaml_ng::from_str(&text).unwrap())
        })
        .collect();
    workflows.sort_by(|one, other| one.0.cmp(&other.0));
    workflows
}

#[test]
fn every_action_is_pinned_to_a_commit() {
    for (name, workflow) in workflows() {
        for (job, steps) in workflow["jobs"].as_object().unwrap() {
            for action in steps["steps"].as_array().unwrap().iter().filter_map(|step| step["uses"].as_str()) {
                let (_, commit) = action.split_once('@').unwrap();
                let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(is_commit, "{name}, {job}: {action}");
            }
        }
    }
}

#[test]
fn every_job_has_a_limit_and_may_write_only_what_it_makes() {
    let mut writes = Vec::new();
    for (name, workflow) in workflows() {
        assert!(
            workflow["permissions"].is_object(),
            "{name} says what it may do, and nothing else is granted"
        );
        for (job, told) in workflow["jobs"].as_object().unwrap() {
            assert!(told["timeout-minutes"].is_u64(), "{name}, {job}");
            for (what, how) in told["permissions"].as_object().into_iter().flatten() {
                if how == "write" {
                    writes.push(format!("{name} {job} {what}"));
                }
            }
        }
    }
    let wanted = [
        "release.yml chart id-token",
        "release.yml chart packages",
        "release.yml image attestations",
        "release.yml image id-token",
        "release.yml image packages",
        "release.yml release attestations",
        "release.yml release contents",
        "release.yml release id-token",
    ];
    writes.sort();
    assert_eq!(writes, wanted);
}

#[test]
fn they_build_with_the_compiler_that_the_checkout_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let toolchain = std::fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
    let channel =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = \"")).unwrap().trim_end_matches('"');
    let image = format!("rust:{channel}-bookworm");
    for (name, workflow) in workflows() {
        for (job, told) in workflow["jobs"].as_object().unwrap() {
            if let Some(container) = told["container"].as_str() {
                assert_eq!(container, image, "{name}, {job}");
            }
        }
    }
    let dockerfile = std::fs::read_to_string(root.join("Dockerfile")).unwrap();
    assert!(dockerfile.contains(&format!("FROM {image} AS ")), "{dockerfile}");
}
