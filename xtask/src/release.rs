//! Whether a release is all of one version, and what is told of it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo;

/// The version of the workspace, which programs and image have.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Prints what the changelog tells of a version, such as `v0.1.0`; fails where tag, workspace and chart are not of that version.
pub(crate) fn run(tag: &str) -> Result<()> {
    let read = |name: &str| {
        let file = cargo::root().join(name);
        std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))
    };
    ensure!(
        tag == format!("v{VERSION}"),
        "the tag is {tag}, and Cargo.toml has {VERSION}: correct one of them"
    );
    agrees(VERSION, &read("charts/tagger/Chart.yaml")?)?;
    println!("{}", notes(VERSION, &read("CHANGELOG.md")?)?);
    Ok(())
}

/// Whether a chart is of this version, and of the program of this version.
fn agrees(version: &str, chart: &str) -> Result<()> {
    let chart: Value = serde_yaml_ng::from_str(chart).context("charts/tagger/Chart.yaml is no YAML")?;
    for field in ["version", "appVersion"] {
        let told = chart[field].as_str().unwrap_or("none");
        ensure!(
            told == version,
            "charts/tagger/Chart.yaml has {field} {told}, and Cargo.toml has {version}: correct one of them"
        );
    }
    Ok(())
}

/// The part of a changelog that is about a version.
fn notes(version: &str, changelog: &str) -> Result<String> {
    let heading = format!("## [{version}]");
    let mut lines = changelog.lines().skip_while(|line| !line.starts_with(&heading));
    lines.next().with_context(|| {
        format!("CHANGELOG.md has no heading {heading}: write one, with the date, below [Unreleased]")
    })?;
    let part: Vec<&str> = lines.take_while(|line| !line.starts_with("## ")).collect();
    Ok(part.join("\n").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::of_the_same_version("version: 0.1.0\nappVersion: 0.1.0\n", true)]
    #[case::of_another_version("version: 0.2.0\nappVersion: 0.1.0\n", false)]
    #[case::of_another_program("version: 0.1.0\nappVersion: \"0.2.0\"\n", false)]
    #[case::that_names_none("name: tagger\n", false)]
    fn a_chart_agrees(#[case] chart: &str, #[case] agrees: bool) {
        assert_eq!(super::agrees("0.1.0", chart).is_ok(), agrees);
    }

    #[test]
    fn notes_are_the_part_of_the_version() {
        let changelog = "# Changelog\n\n## [Unreleased]\n\n* a\n\n## [0.1.0] - 2026-01-01\n\n### Added\n\n* b\n\n## [0.0.9]\n\n* c\n";
        assert_eq!(notes("0.1.0", changelog).unwrap(), "### Added\n\n* b");
        let error = notes("0.2.0", changelog).unwrap_err().to_string();
        assert!(error.contains("no heading ## [0.2.0]"), "{error}");
    }
}
