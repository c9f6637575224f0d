//! The tool that everyone copies images with: what we are compared to, and what checks our copies.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::assets;
use crate::manifest::digest;
use crate::scratch::Scratch;

/// A skopeo that is ready to run. Nothing is installed in the system for it.
#[derive(Clone, Debug)]
pub struct Skopeo {
    program: PathBuf,
    libraries: Option<PathBuf>,
}

impl Skopeo {
    /// Finds skopeo in `PATH`, or takes it out of Debian's packages.
    pub async fn obtain() -> Result<Self> {
        let (program, libraries) = assets::skopeo().await?;
        Ok(Self { program, libraries })
    }

    /// A call of skopeo with these arguments, which trusts every image.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--insecure-policy").args(arguments).stdin(Stdio::null());
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    /// A call that copies an image, whole, from one registry on plain HTTP to another.
    pub fn copying(&self, source: &str, destination: &str) -> Command {
        let (source, destination) = (format!("docker://{source}"), format!("docker://{destination}"));
        let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
        self.command(
            &[&["copy", "--quiet", "--all", "--preserve-digests"], &plain[..], &[&source, &destination]]
                .concat(),
        )
    }

    /// Copies an image, whole, from one registry on plain HTTP to another.
    pub async fn copy(&self, source: &str, destination: &str) -> Result<()> {
        run(self.copying(source, destination)).await?;
        Ok(())
    }

    /// The digest of the manifest that a reference names, in a registry on plain HTTP.
    pub async fn digest(&self, reference: &str) -> Result<String> {
        let reference = format!("docker://{reference}");
        let manifest = run(self.command(&["inspect", "--raw", "--tls-verify=false", &reference])).await?;
        Ok(digest(&manifest))
    }

    /// Pulls an image with all its platforms and layers, as one who runs it would, and gives its
    /// digest. Each layer is checked on the way.
    pub async fn pull(&self, reference: &str) -> Result<String> {
        let folder = Scratch::in_memory()?;
        let (reference, place) =
            (format!("docker://{reference}"), format!("dir:{}", folder.path().join("image").display()));
        let flags = ["copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false"];
        run(self.command(&[&flags[..], &[&reference, &place]].concat())).await?;
        let manifest = std::fs::read(folder.path().join("image/manifest.json"));
        Ok(digest(&manifest.context("skopeo pulled no manifest")?))
    }
}

/// Runs to the end and gives what was written to stdout.
async fn run(command: Command) -> Result<Vec<u8>> {
    let output = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output()
        .await
        .context("skopeo can't be started")?;
    if !output.status.success() {
        bail!("skopeo failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}
