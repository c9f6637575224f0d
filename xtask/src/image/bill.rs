//! The bill of materials of the program, in CycloneDX: each crate that is linked into it, what it depends on, and what it is known by.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::commit::Commit;
use super::platform::Platform;
use crate::cargo;

/// A crate by its name and version.
type Crate = (String, String);

/// What is linked into the program: crates with their licence, and what each depends on.
#[derive(Default)]
pub(super) struct Parts {
    licences: BTreeMap<Crate, String>,
    edges: BTreeMap<Crate, BTreeSet<Crate>>,
}

/// The bill of the program on these platforms.
pub(super) fn bill(platforms: &[Platform], commit: &Commit) -> Result<Value> {
    let mut parts = Parts::default();
    for platform in platforms {
        parts.read(&tree(*platform)?)?;
    }
    let lock = std::fs::read_to_string(cargo::root().join("Cargo.lock")).context("read Cargo.lock")?;
    written(&parts, &checksums(&lock)?, commit)
}

/// What cargo says of the crates that are linked: no tests, no build scripts, no macros.
fn tree(platform: Platform) -> Result<String> {
    let words = "tree --locked --package tagger --edges normal,no-proc-macro --prefix depth --charset ascii";
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(words.split(' ')).args(["--target", platform.target(), "--format", " {p}|{l}"]);
    let output = command.current_dir(cargo::root()).output().context("cargo can't be started")?;
    if !output.status.success() {
        bail!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context("cargo tree says something other than text")
}

impl Parts {
    /// Reads lines such as `2 serde v1.0.0|MIT`, where what is beneath a crate has a greater number.
    pub(super) fn read(&mut self, tree: &str) -> Result<()> {
        let mut above: Vec<Crate> = Vec::new();
        for line in tree.lines().filter(|line| !line.is_empty()) {
            let read = || {
                let (depth, rest) = line.split_once(' ')?;
                let (package, licence) = rest.split_once('|')?;
                let (name, rest) = package.split_once(" v")?;
                let version = rest.split(' ').next()?;
                let licence = licence.trim_end_matches(" (*)");
                Some((
                    depth.parse::<usize>().ok()?,
                    (name.to_owned(), version.to_owned()),
                    licence.to_owned(),
                ))
            };
            let (depth, part, licence) = read().with_context(|| format!("cargo tree says: {line}"))?;
            above.truncate(depth);
            if let Some(parent) = above.last() {
                self.edges.entry(parent.clone()).or_default().insert(part.clone());
            }
            self.edges.entry(part.clone()).or_default();
            self.licences.insert(part.clone(), licence);
            above.push(part);
        }
        Ok(())
    }
}

/// The checksums of a `Cargo.lock`.
pub(super) fn checksums(lock: &str) -> Result<BTreeMap<Crate, String>> {
    let lock: toml::Table = lock.parse().context("Cargo.lock is no TOML")?;
    let packages =
        lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock names no package")?;
    let field = |package: &toml::Value, name: &str| Some(package.get(name)?.as_str()?.to_owned());
    let known = packages.iter().filter_map(|package| {
        Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?))
    });
    Ok(known.collect())
}

/// The document. Nothing in it is by chance: the same parts are the same bytes.
pub(super) fn written(parts: &Parts, checksums: &BTreeMap<Crate, String>, commit: &Commit) -> Result<Value> {
    let version = env!("CARGO_PKG_VERSION");
    let component = |part: &Crate, kind: &str| {
        let (name, version) = part;
        let mut component = json!({
            "type": kind, "bom-ref": reference(part), "name": name, "version": version,
            "purl": format!("pkg:cargo/{name}@{version}"),
        });
        if let Some(licence) = parts.licences.get(part).filter(|licence| !licence.is_empty()) {
            component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
        }
        if let Some(checksum) = checksums.get(part) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        component
    };
    let root = ("tagger".to_owned(), version.to_owned());
    let components: Vec<Value> =
        parts.edges.keys().filter(|part| **part != root).map(|part| component(part, "library")).collect();
    let dependencies: Vec<Value> = parts
        .edges
        .iter()
        .map(|(part, on)| json!({ "ref": reference(part), "dependsOn": on.iter().map(reference).collect::<Vec<_>>() }))
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": { "timestamp": commit.written(), "component": component(&root, "application") },
        "components": components, "dependencies": dependencies,
    }))
}

fn reference((name, version): &Crate) -> String {
    format!("{name}@{version}")
}
