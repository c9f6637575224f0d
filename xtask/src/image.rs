//! The image that the operator runs in, as an OCI image layout: a static program, the authorities that everybody trusts, and nothing else.
//!
//! The same commit gives the same bytes, on every machine with the same compiler and C library, in whatever folder it is built.

mod authorities;
mod bill;
mod binary;
mod commit;
mod files;
mod layout;
mod platform;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::cargo;
use commit::Commit;
use files::{Entry, layer};
use layout::{Layout, Variant};
use platform::Platform;

/// The user that the program runs as: nobody in particular, by a number that others use for that too.
const USER: &str = "65532:65532";

/// The flags of `image`.
#[derive(Args)]
pub(crate) struct Options {
    /// A platform to build for: linux/amd64, linux/arm64; may be repeated. Without it, this machine's
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    platforms: Vec<Platform>,
    /// A program that was built before, as PLATFORM=FILE or, for one platform, as FILE; it is taken as it is
    #[arg(long = "binary", value_name = "[PLATFORM=]FILE")]
    binaries: Vec<String>,
    /// The folder that the image layout is written to, in the place of what is there
    #[arg(long, value_name = "FOLDER", default_value = "target/image")]
    folder: PathBuf,
    /// Pack the layout into this file as well
    #[arg(long, value_name = "FILE")]
    tar: Option<PathBuf>,
    /// Where the source is, for the image's labels
    #[arg(long, value_name = "URL")]
    source: Option<String>,
}

/// Builds the program where it is not given, and writes the image.
pub(crate) fn run(options: &Options) -> Result<()> {
    let platforms = match options.platforms.as_slice() {
        [] => vec![Platform::this()?],
        some => some.to_vec(),
    };
    let mut given = given(&options.binaries, &platforms)?;
    for platform in &platforms {
        if !given.contains_key(platform) {
            binary::can_build(*platform)?;
        }
    }
    let commit = Commit::read()?;
    let trusted =
        layer(&[Entry::file("etc/ssl/certs/ca-certificates.crt", authorities::pem(), 0o644)], commit.time)?;
    let mut variants = Vec::new();
    for platform in &platforms {
        let file = match given.remove(platform) {
            Some(file) => file,
            None => binary::build(*platform)?,
        };
        let program = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        println!("{platform}: {} has {} bytes", file.display(), program.len());
        let program = layer(&[Entry::file("tagger", program, 0o755)], commit.time)?;
        variants.push(Variant { platform: *platform, layers: vec![trusted.clone(), program] });
    }
    let labels = labels(&commit, options.source.as_deref());
    let mut layout = Layout::default();
    let index = layout.add_image(&variants, &labels, &commit)?;
    let bill = serde_json::to_vec(&bill::bill(&platforms, &commit)?)?;
    layout.add_bill(&index, bill, &commit);
    let folder = cargo::root().join(&options.folder);
    layout.write(&folder)?;
    println!("{}", folder.display());
    if let Some(file) = &options.tar {
        let file = cargo::root().join(file);
        layout.pack(&file)?;
        println!("{}", file.display());
    }
    println!("{}", index["digest"].as_str().unwrap_or_default());
    Ok(())
}

/// The programs that were built before, each for its platform.
fn given(binaries: &[String], platforms: &[Platform]) -> Result<BTreeMap<Platform, PathBuf>> {
    let mut given = BTreeMap::new();
    for binary in binaries {
        let (platform, file) = match (binary.split_once('='), platforms) {
            (Some((platform, file)), _) => (platform.parse()?, file),
            (None, [one]) => (*one, binary.as_str()),
            (None, _) => anyhow::bail!(
                "--binary {binary} names no platform, and several are wanted: write linux/amd64={binary}"
            ),
        };
        ensure!(
            platforms.contains(&platform),
            "--binary {binary} is for a platform that is not wanted: add --platform {platform}"
        );
        given.insert(platform, file.into());
    }
    Ok(given)
}

/// What the image says of itself, by the keys of the OCI image specification.
fn labels(commit: &Commit, source: Option<&str>) -> BTreeMap<String, Value> {
    let labels = [
        ("title", Some("tagger".to_owned())),
        (
            "description",
            Some("Gives a Kubernetes cluster its own memory of container image tags.".to_owned()),
        ),
        ("version", Some(env!("CARGO_PKG_VERSION").to_owned())),
        ("licenses", Some("Apache-2.0".to_owned())),
        ("created", Some(commit.written())),
        ("revision", commit.revision.clone()),
        ("source", source.map(str::to_owned)),
    ];
    labels
        .into_iter()
        .filter_map(|(key, value)| Some((format!("org.opencontainers.image.{key}"), value?.into())))
        .collect()
}

#[cfg(test)]
mod tests;
