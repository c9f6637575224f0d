//! Where an image is saved to.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::Layout;
use super::content::Content;
use super::error::{DiskError, read, write};
use super::hashed::length;
use super::index::LAYOUT;
use super::store::{Store, beside, replace};

/// A place that an image is saved to. Nobody else saves there while this is held.
pub(super) struct Place {
    /// The folder or file that it will be.
    pub(super) path: PathBuf,
    /// Where its blobs gather.
    pub(super) store: Store,
    /// Whether they gather in the very folder that it will be, which has images already.
    pub(super) is_shared: bool,
    _lock: File,
}

impl Place {
    /// Finds out whether an image may be saved there, and makes the folder where its blobs gather: beside the place, unless that is
    /// a layout that has images already.
    pub(super) fn prepare(path: &Path, layout: Layout) -> Result<Self, DiskError> {
        let taken = |what| DiskError::Taken { path: path.to_owned(), what };
        let kind = match fs::metadata(path) {
            Ok(found) => Some(found),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => None,
            Err(problem) => return Err(read(path, problem)),
        };
        let is_shared = match (kind, layout) {
            (None, _) => false,
            (Some(found), Layout::OciDir) if found.is_dir() => match is_layout(path)? {
                true => true,
                false if is_empty(path)? => false,
                false => return Err(taken("a folder of something else")),
            },
            (Some(found), Layout::OciArchive | Layout::DockerArchive) if found.is_file() => {
                match Content::open(path) {
                    Ok(_) => false,
                    Err(DiskError::Read { path, problem }) => return Err(DiskError::Read { path, problem }),
                    Err(_) => return Err(taken("a file of something else")),
                }
            }
            (Some(found), _) if found.is_dir() => return Err(taken("a folder")),
            (Some(_), _) => return Err(taken("a file")),
        };
        if path.file_name().is_none() && !is_shared {
            return Err(taken("no place for a new image"));
        }
        let root = if is_shared { path.to_owned() } else { beside(path) };
        if !is_shared && root.exists() && !(root.is_dir() && (is_layout(&root)? || is_empty(&root)?)) {
            return Err(DiskError::Taken { path: root, what: "something else" });
        }
        fs::create_dir_all(&root).map_err(|problem| write(&root, problem))?;
        let lock = lock(&root)?;
        let marked = root.join(LAYOUT.0);
        if length(&marked).map_err(|problem| read(&marked, problem))?.is_none() {
            replace(&marked, LAYOUT.1.as_bytes()).map_err(|problem| write(&marked, problem))?;
        }
        Ok(Self { path: path.to_owned(), store: Store { root }, is_shared, _lock: lock })
    }
}

/// Where nothing came, nothing is left.
impl Drop for Place {
    fn drop(&mut self) {
        if self.is_shared {
            return;
        }
        let root = &self.store.root;
        let blobs = root.join("blobs");
        // A folder that has something in it is not removed by these.
        if is_gone(fs::remove_dir(blobs.join("sha256"))) && is_gone(fs::remove_dir(blobs)) {
            let _ = fs::remove_file(root.join(LAYOUT.0));
            let _ = fs::remove_dir(root);
        }
    }
}

fn is_gone(removed: io::Result<()>) -> bool {
    removed.map_or_else(|problem| problem.kind() == io::ErrorKind::NotFound, |()| true)
}

/// Whether a folder is an image layout.
fn is_layout(folder: &Path) -> Result<bool, DiskError> {
    let marked = folder.join(LAYOUT.0);
    Ok(length(&marked).map_err(|problem| read(&marked, problem))?.is_some())
}

fn is_empty(folder: &Path) -> Result<bool, DiskError> {
    let mut entries = fs::read_dir(folder).map_err(|problem| read(folder, problem))?;
    Ok(entries.next().is_none())
}

/// Holds a folder, so that two who save to the same place do not write into one another's files.
fn lock(folder: &Path) -> Result<File, DiskError> {
    let file = File::open(folder).map_err(|problem| read(folder, problem))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DiskError::Busy { path: folder.to_owned() }),
        Err(TryLockError::Error(problem)) => Err(write(folder, problem)),
    }
}
