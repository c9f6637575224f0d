//! The plugin as people install it: an archive, and the manifest by which krew, kubectl's manager of plugins, takes it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, CommandFactory};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cargo;

/// What the archive is called in the manifest where nothing else is said.
const URI: &str = "https://example.invalid/{version}/kubectl-tag_{os}_{arch}.tar.gz";

/// The flags of `plugin`.
#[derive(Args)]
pub(crate) struct Options {
    /// Where people will get the archive; {version}, {os} and {arch} are filled in
    #[arg(long, value_name = "URL", default_value = URI)]
    uri: String,
    /// Where the project is presented to people
    #[arg(long, value_name = "URL", default_value = "https://example.invalid/")]
    homepage: String,
    /// The folder that archive and manifest are written to
    #[arg(long, value_name = "FOLDER", default_value = "target/plugin/archive")]
    folder: PathBuf,
}

/// For which machines something is built, in the words of Kubernetes.
struct Machine {
    os: &'static str,
    arch: &'static str,
}

/// Builds the plugin, and writes its archive and its manifest.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.uri.starts_with("https://"), "--uri must be https://…, which is all that krew takes");
    let binary = cargo::plugin()?;
    let machine = Machine::this()?;
    let folder = cargo::root().join(&options.folder);
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let archive = folder.join(format!("kubectl-tag_{}_{}.tar.gz", machine.os, machine.arch));
    let bytes = pack(&[
        ("kubectl-tag", std::fs::read(&binary).with_context(|| format!("read {}", binary.display()))?, 0o755),
        ("LICENSE", std::fs::read(cargo::root().join("LICENSE")).context("read LICENSE")?, 0o644),
    ])?;
    std::fs::write(&archive, &bytes).with_context(|| format!("write {}", archive.display()))?;
    let sum = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let manifest = serde_yaml_ng::to_string(&manifest(options, &machine, &sum))?;
    let file = folder.join("tag.yaml");
    write(&file, &manifest)?;
    println!(
        "{}\n{}\n\nkubectl krew install --manifest={} --archive={}",
        archive.display(),
        file.display(),
        file.display(),
        archive.display()
    );
    Ok(())
}

impl Machine {
    fn this() -> Result<Self> {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => anyhow::bail!("the plugin is built for amd64 and arm64, and not for {other}"),
        };
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        Ok(Self { os, arch })
    }
}

/// The manifest of krew, `krew.googlecontainertools.github.com/v1alpha2`.
fn manifest(options: &Options, machine: &Machine, sum: &str) -> Value {
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    let filled = options
        .uri
        .replace("{version}", &version)
        .replace("{os}", machine.os)
        .replace("{arch}", machine.arch);
    let command = kubectl_tag::arguments::Arguments::command();
    let about = |long: Option<&clap::builder::StyledStr>| long.map(ToString::to_string).unwrap_or_default();
    json!({
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": { "name": "tag" },
        "spec": {
            "version": version,
            "homepage": options.homepage,
            "shortDescription": about(command.get_about()),
            "description": about(command.get_long_about()),
            "caveats": "The cluster needs Tagger. kubectl completes the plugin by a program kubectl_complete-tag in PATH, which `kubectl tag completion kubectl` prints.",
            "platforms": [{
                "selector": { "matchLabels": { "os": machine.os, "arch": machine.arch } },
                "uri": filled,
                "sha256": sum,
                "bin": "kubectl-tag",
                "files": [{ "from": "kubectl-tag", "to": "." }, { "from": "LICENSE", "to": "." }],
            }],
        },
    })
}

/// A compressed archive of files, the same for the same files.
fn pack(files: &[(&str, Vec<u8>, u32)]) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (name, bytes, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len())?);
        header.set_mode(*mode);
        archive.append_data(&mut header, name, bytes.as_slice())?;
    }
    Ok(archive.into_inner()?.finish()?)
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_says_what_krew_asks_for() {
        let options =
            Options { uri: URI.into(), homepage: "https://example.invalid/".into(), folder: "x".into() };
        let told = manifest(&options, &Machine { os: "linux", arch: "arm64" }, "ab");
        let version = format!("v{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(told["spec"]["version"], json!(version));
        let platform = &told["spec"]["platforms"][0];
        assert_eq!(
            platform["uri"],
            json!(format!("https://example.invalid/{version}/kubectl-tag_linux_arm64.tar.gz"))
        );
        assert_eq!((&platform["sha256"], &platform["bin"]), (&json!("ab"), &json!("kubectl-tag")));
        let short = told["spec"]["shortDescription"].as_str().unwrap();
        assert!(!short.is_empty() && short.len() <= 50 && !short.ends_with('.'), "krew's own rules: {short}");
    }

    #[test]
    fn the_same_files_are_the_same_archive_with_their_rights() {
        let files = [("kubectl-tag", b"program".to_vec(), 0o755)];
        let bytes = pack(&files).unwrap();
        assert_eq!(bytes, pack(&files).unwrap());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(
            (entry.path().unwrap().to_str(), entry.header().mode().unwrap()),
            (Some("kubectl-tag"), 0o755)
        );
    }
}
