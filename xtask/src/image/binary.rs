//! The static program for a platform, with nothing of this machine in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::platform::Platform;
use crate::cargo;

/// Fails, with what to install, where this machine can't build for a platform.
pub(super) fn can_build(platform: Platform) -> Result<()> {
    let target = platform.target();
    let library = rustc(&["--print", "target-libdir", "--target", target])?;
    if !Path::new(&library).is_dir() {
        bail!("Rust's standard library for {platform} is missing here: rustup target add {target}");
    }
    if Platform::this().ok() != Some(platform) {
        let (linker, packages) = platform.cross();
        if Command::new(linker).arg("--version").output().is_err() {
            bail!("{linker}, which links for {platform}, is missing here: apt-get install {packages}");
        }
    }
    Ok(())
}

/// Builds the program, and says where it is.
pub(super) fn build(platform: Platform) -> Result<PathBuf> {
    let target = platform.target();
    let places = places()?;
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    flags.extend(places.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")));
    let c_flags: Vec<String> =
        places.iter().map(|(from, to)| format!("-ffile-prefix-map={from}={to}")).collect();
    let variable =
        |prefix: &str, case: fn(&str) -> String| format!("{prefix}_{}", case(&target.replace('-', "_")));
    let mut environment = vec![
        ("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags.join("\u{1f}")),
        (variable("CFLAGS", str::to_owned), c_flags.join(" ")),
        ("CARGO_INCREMENTAL".to_owned(), "0".to_owned()),
    ];
    if Platform::this().ok() != Some(platform) {
        let linker = platform.cross().0.to_owned();
        environment.push((variable("CC", str::to_owned), linker.clone()));
        environment.push((format!("{}_LINKER", variable("CARGO_TARGET", str::to_uppercase)), linker));
    }
    let arguments =
        ["build", "--locked", "--release", "--package", "tagger", "--bin", "tagger", "--target", target];
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (name.as_str(), OsStr::new(value))).collect();
    cargo::cargo_with(&arguments, &environment)?;
    Ok(cargo::target()?.join(target).join("release/tagger"))
}

/// The folders of this machine that would get into the program, and what stands for them.
fn places() -> Result<Vec<(String, String)>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .context("there is no CARGO_HOME and no HOME")?;
    let version = rustc(&["--version", "--verbose"])?;
    let hash = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    let library = format!("{}/lib/rustlib/src/rust", rustc(&["--print", "sysroot"])?);
    // Of several that fit, the last one counts: a target folder or a home inside of the checkout stand for themselves.
    Ok(vec![
        (cargo::root().display().to_string(), "/tagger".to_owned()),
        (cargo::target()?.display().to_string(), "/tagger/target".to_owned()),
        (home.display().to_string(), "/cargo".to_owned()),
        (library, format!("/rustc/{hash}")),
    ])
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(arguments).current_dir(cargo::root()).output();
    let output = output.context("rustc can't be started")?;
    if !output.status.success() {
        bail!("rustc {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
