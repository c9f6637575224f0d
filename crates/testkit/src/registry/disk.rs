//! A small disk, in memory, that can really be filled up.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::scratch::{MOUNT, Scratch};

/// The file that takes up the space that is left.
const FILLER: &str = "filler";

/// How much is written at once, of what fills the disk.
const PORTION: usize = 4096;

/// A file system of its own, unmounted when this value is dropped, or by the next test after a crash.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts a disk of so many bytes in a scratch folder.
    pub(super) fn mount(files: &Scratch, bytes: u64) -> Result<Self> {
        let path = files.path().join(MOUNT);
        fs::create_dir(&path).with_context(|| format!("create {}", path.display()))?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tagger-test"]).arg(&path);
        let output = mount.output().context("there is no mount to make a small disk with")?;
        if !output.status.success() {
            bail!(
                "a disk of {bytes} bytes can't be mounted: {}\nThis test must run as root, where mounting is allowed.",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes up all the space that is left, to the last byte.
    pub(super) fn fill(&self) -> Result<()> {
        let path = self.path.join(FILLER);
        let mut filler = match File::options().create(true).append(true).open(&path) {
            Ok(filler) => filler,
            Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("create {}", path.display())),
        };
        loop {
            match filler.write(&[0; PORTION]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error).context("fill the disk"),
            }
        }
    }

    /// Gives back what [`Self::fill`] took.
    pub(super) fn free(&self) -> Result<()> {
        match fs::remove_file(self.path.join(FILLER)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context("free the disk"),
            _ => Ok(()),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A lazy unmount: whoever still has a file open there must not keep the disk for ever.
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).output();
    }
}
