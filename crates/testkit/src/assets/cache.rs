//! The project's cache folder, outside the checkout so that every checkout shares it.

use std::env;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::step;

/// Names the start of folders that a build works in; what is left of one is rubbish.
const WORK: &str = "work-";

/// The project's cache folder: `$TAGGER_CACHE`, or `$XDG_CACHE_HOME/tagger`, or `$HOME/.cache/tagger`.
pub fn cache_folder() -> Result<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = variable("TAGGER_CACHE") {
        return Ok(folder);
    }
    if let Some(folder) = variable("XDG_CACHE_HOME") {
        return Ok(folder.join("tagger"));
    }
    match variable("HOME") {
        Some(home) => Ok(home.join(".cache/tagger")),
        None => bail!("there is no HOME to keep a cache in.\nName a folder in TAGGER_CACHE."),
    }
}

/// Gives the cache's sub-folder `name`, having `make` fill it where it isn't there yet.
///
/// One process fills while others wait, and a folder appears only when it is whole. The second
/// value tells whether it was made by this call.
pub(super) fn folder(name: &str, make: impl FnOnce(&Workshop) -> Result<()>) -> Result<(PathBuf, bool)> {
    let cache = cache_folder()?;
    let folder = cache.join(name);
    if folder.is_dir() {
        return Ok((folder, false));
    }
    fs::create_dir_all(&cache).with_context(|| format!("create the cache folder {}", cache.display()))?;
    let _lock = lock(&cache.join(format!("{name}.lock")))?;
    if folder.is_dir() {
        return Ok((folder, false));
    }
    let prefix = format!("{WORK}{name}-");
    sweep(&cache, &prefix)?;
    let work =
        tempfile::Builder::new().prefix(&prefix).tempdir_in(&cache).context("create a folder to work in")?;
    let workshop = Workshop { work, go_cache: cache.join("go-build"), logs: cache.join("logs") };
    fs::create_dir_all(workshop.result())?;
    fs::create_dir_all(&workshop.logs)?;
    make(&workshop)?;
    fs::rename(workshop.result(), &folder)
        .with_context(|| format!("put {} in its place", folder.display()))?;
    Ok((folder, true))
}

/// The folders that filling one of the cache's folders needs.
pub(super) struct Workshop {
    work: TempDir,
    /// Go's own cache. It outlives a build that was interrupted, so that the next one is shorter.
    pub(super) go_cache: PathBuf,
    /// Where each step's log goes; they stay, for whoever asks why a step failed.
    pub(super) logs: PathBuf,
}

impl Workshop {
    /// Where everything intermediate belongs.
    pub(super) fn scratch(&self) -> &Path {
        self.work.path()
    }

    /// What becomes the cache's folder once all is done.
    pub(super) fn result(&self) -> PathBuf {
        self.work.path().join("result")
    }
}

fn lock(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            step::say("another process is making the same binaries; waiting for it");
            file.lock().with_context(|| format!("lock {}", path.display()))?;
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("lock {}", path.display()));
        }
    }
    Ok(file)
}

/// Removes what builds left that were killed; the lock says that none is under way.
fn sweep(cache: &Path, prefix: &str) -> Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_dir_all(entry.path()).with_context(|| format!("remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}
