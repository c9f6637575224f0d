//! Folders for the data of a test, removed even after a test that was killed.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The start of every such folder's name.
const PREFIX: &str = "tagger-test-";

/// The file in each folder that its owner holds locked.
const OWNED: &str = ".owned";

/// The sub-folder that a disk of its own may be mounted on.
pub(crate) const MOUNT: &str = "mount";

/// A folder that is removed when this value is dropped, or by the next test after a crash.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _owned: File,
}

impl Scratch {
    /// Makes a folder in memory where the machine has such a place, and on disk where not.
    pub fn in_memory() -> Result<Self> {
        let shared_memory = Path::new("/dev/shm");
        if shared_memory.is_dir() { Self::in_folder(shared_memory) } else { Self::on_disk() }
    }

    /// Makes a folder where temporary files go.
    pub fn on_disk() -> Result<Self> {
        Self::in_folder(&env::temp_dir())
    }

    fn in_folder(base: &Path) -> Result<Self> {
        // Under one lock, lest a sweep meet a folder that is made but not yet owned.
        let user = env::var("USER").unwrap_or_default();
        let gate = base.join(format!("{PREFIX}gate-{user}"));
        let gate = File::create(&gate).with_context(|| format!("create {}", gate.display()))?;
        gate.lock().context("wait for other tests to make their folders")?;
        sweep(base);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(base)
            .with_context(|| format!("make a folder in {}", base.display()))?;
        let owned = File::create(folder.path().join(OWNED))?;
        owned.lock()?;
        Ok(Self { folder, _owned: owned })
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file in the folder and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}

/// Removes folders whose owner is gone. What can't be removed is somebody else's, and stays.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(owned) = File::open(entry.path().join(OWNED)) else { continue };
        if owned.try_lock().is_ok() {
            let mount = entry.path().join(MOUNT);
            if mount.is_dir() {
                let _ = Command::new("umount").arg("--lazy").arg(&mount).output();
            }
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
