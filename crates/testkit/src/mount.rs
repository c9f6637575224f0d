//! A folder as Kubernetes mounts a Secret: its files are links through one that is swapped, so that all change at once.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};

use crate::authority::{Authority, Leaf};
use crate::scratch::Scratch;

/// The link that is swapped.
const DATA: &str = "..data";

/// A mounted Secret. It is removed when this value is dropped.
pub struct Mount {
    folder: Scratch,
    swaps: u32,
}

impl Mount {
    /// Mounts a Secret with nothing in it.
    pub fn empty() -> Result<Self> {
        let mut mount = Self { folder: Scratch::on_disk()?, swaps: 0 };
        mount.swap(&[])?;
        Ok(mount)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts these files, of a name and a content, in the place of all that there were.
    pub fn swap(&mut self, files: &[(&str, &str)]) -> Result<()> {
        self.swaps += 1;
        let name = format!("..{}", self.swaps);
        let now = self.path().join(&name);
        fs::create_dir(&now).with_context(|| format!("make {}", now.display()))?;
        for (file, content) in files {
            fs::write(now.join(file), content).with_context(|| format!("write {file}"))?;
            let link = self.path().join(file);
            if link.symlink_metadata().is_err() {
                symlink(Path::new(DATA).join(file), link).with_context(|| format!("link {file}"))?;
            }
        }
        let link = self.path().join("..data_tmp");
        symlink(&name, &link).context("link the new files")?;
        fs::rename(link, self.path().join(DATA)).context("swap the files")?;
        match self.swaps {
            1 => Ok(()),
            swaps => fs::remove_dir_all(self.path().join(format!("..{}", swaps - 1)))
                .context("remove the old files"),
        }
    }

    /// Swaps in a new certificate for a server that is known by `names`, with its key and its authority.
    pub fn issue(&mut self, authority: &Authority, names: &[&str]) -> Result<Leaf> {
        let leaf = authority.issue_server(names)?;
        let (certificate, key) = (leaf.certificate.as_str(), leaf.key.as_str());
        self.swap(&[("tls.crt", certificate), ("tls.key", key), ("ca.crt", &authority.certificate())])?;
        Ok(leaf)
    }
}
