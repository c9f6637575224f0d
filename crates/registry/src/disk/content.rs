//! What is in a folder or an archive, by path, without unpacking anything.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::docker::{self, compression};
use super::error::{Damage, DiskError, damaged, read};
use super::hashed::length;
use super::index::LAYOUT;
use super::table::{NoTable, Table};

/// A folder or an archive.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) path: PathBuf,
    inside: Inside,
}

#[derive(Debug)]
enum Inside {
    Folder,
    Archive(Arc<File>, Table),
}

/// The bytes of one file.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    file: Arc<File>,
    begin: u64,
    pub(super) size: u64,
}

/// What kind of image it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Oci,
    Docker,
}

impl Content {
    /// Opens a folder or an archive that has an image in it.
    pub(super) fn open(path: &Path) -> Result<Self, DiskError> {
        let told = |problem| read(path, problem);
        let found = std::fs::metadata(path).map_err(told)?;
        let inside = match found.is_dir() {
            true => Inside::Folder,
            false if !found.is_file() => {
                return Err(told(io::Error::other("it is neither a file nor a folder")));
            }
            false => {
                let file = File::open(path).map_err(told)?;
                let mut beginning = Vec::new();
                (&file).take(8).read_to_end(&mut beginning).map_err(told)?;
                let compressed = |by| DiskError::Compressed { path: path.to_owned(), by };
                match (compression(&beginning), &beginning[..]) {
                    (Some("gzip"), _) => return Err(compressed("gunzip")),
                    (Some(_), _) => return Err(compressed("unzstd")),
                    (None, [b'B', b'Z', b'h', ..]) => return Err(compressed("bunzip2")),
                    (None, [0xfd, b'7', b'z', b'X', b'Z', ..]) => return Err(compressed("unxz")),
                    (None, _) => {}
                }
                let table = match Table::read(&file, found.len()) {
                    Ok(table) => table,
                    // No tar file at all.
                    Err(NoTable::Damaged(Damage::Header(0))) => {
                        return Err(DiskError::NoImage { path: path.to_owned() });
                    }
                    Err(NoTable::Damaged(problem)) => return Err(damaged(path, problem)),
                    Err(NoTable::Disk(problem)) => return Err(told(problem)),
                };
                Inside::Archive(Arc::new(file), table)
            }
        };
        let content = Self { path: path.to_owned(), inside };
        content.kind().map(|_| content)
    }

    /// What it says that it is. One that is both is an image layout: that one keeps its digest.
    pub(super) fn kind(&self) -> Result<Kind, DiskError> {
        if self.size(LAYOUT.0)?.is_some() {
            return Ok(Kind::Oci);
        }
        match (self.size(docker::MANIFEST)?, &self.inside) {
            (Some(_), Inside::Archive(..)) => Ok(Kind::Docker),
            _ => Err(DiskError::NoImage { path: self.path.clone() }),
        }
    }

    /// The bytes that a file has; none where it is not there.
    pub(super) fn size(&self, name: &str) -> Result<Option<u64>, DiskError> {
        match &self.inside {
            Inside::Folder => {
                let path = self.path.join(name);
                length(&path).map_err(|problem| read(&path, problem))
            }
            Inside::Archive(_, table) => {
                let found = table.find(name).map_err(|problem| damaged(&self.path, problem))?;
                Ok(found.map(|(_, size)| size))
            }
        }
    }

    /// Where the bytes of a file are, which has to be there.
    pub(super) fn extent(&self, name: &str) -> Result<Extent, DiskError> {
        let missing = || damaged(&self.path, Damage::Missing(name.to_owned()));
        let size = self.size(name)?.ok_or_else(missing)?;
        match &self.inside {
            Inside::Folder => {
                let path = self.path.join(name);
                let file = File::open(&path).map_err(|problem| read(&path, problem))?;
                Ok(Extent { file: Arc::new(file), begin: 0, size })
            }
            Inside::Archive(file, table) => {
                let found = table.find(name).map_err(|problem| damaged(&self.path, problem))?;
                let (begin, size) = found.ok_or_else(missing)?;
                Ok(Extent { file: file.clone(), begin, size })
            }
        }
    }

    /// A whole document, which has to be there and to be no larger than this.
    pub(super) fn document(&self, name: &str, limit: usize) -> Result<Bytes, DiskError> {
        let extent = self.extent(name)?;
        if extent.size > limit as u64 {
            return Err(damaged(&self.path, Damage::TooLarge { name: name.to_owned(), limit }));
        }
        let mut content = vec![0; extent.size as usize];
        extent.read(&mut content, 0).map_err(|problem| read(&self.path, problem))?;
        Ok(content.into())
    }
}

impl Extent {
    /// Fills the buffer with the bytes from this one on.
    pub(super) fn read(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(into, self.begin + at)
    }
}
