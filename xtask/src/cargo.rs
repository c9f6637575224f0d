//! The project's own programs and checks, by cargo.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Runs cargo in the checkout, its output shown as it comes.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    cargo_with(arguments, &[])
}

/// Runs cargo in the checkout with these variables.
pub(crate) fn cargo_with(arguments: &[&str], variables: &[(&str, &OsStr)]) -> Result<()> {
    println!("$ cargo {}", arguments.join(" "));
    let mut command = command(arguments);
    let status = command.envs(variables.iter().copied()).status().context("cargo can't be started")?;
    match status.success() {
        true => Ok(()),
        false => bail!("cargo {} failed", arguments.join(" ")),
    }
}

/// Builds the operator and says where it is.
pub(crate) fn operator(release: bool) -> Result<PathBuf> {
    program("tagger", if release { "release" } else { "dev" })
}

/// Builds the plugin as people install it, and says where it is.
pub(crate) fn plugin() -> Result<PathBuf> {
    program("kubectl-tag", "plugin")
}

/// Builds a program, which is called as its package, and says where it is.
fn program(name: &str, profile: &str) -> Result<PathBuf> {
    cargo(&["build", "--package", name, "--bin", name, "--profile", profile])?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(target()?.join(folder).join(name))
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> Result<PathBuf> {
    let output = command(&["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo can't be started")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata says something other than JSON")?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
    Ok(target.into())
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}
