//! A folder that an image is saved to, blob after blob, each under its digest once it is all there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tagger_core::reference::Digest;
use tokio::sync::mpsc;

use super::error::{DiskError, write};
use super::hashed::{hash, length};
use super::stop::blocking;
use crate::hash::Hasher;

/// How many pieces may wait for the disk.
const AHEAD: usize = 16;

/// A folder of blobs.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) root: PathBuf,
}

/// What there is of a blob.
pub(super) enum There {
    /// All of it, and it is right.
    Whole,
    /// Its first bytes, hashed.
    Partly(Box<Hasher>, u64),
}

/// A blob on its way to the disk.
pub(super) struct Writing {
    pieces: mpsc::Sender<Bytes>,
    written: tokio::task::JoinHandle<io::Result<()>>,
}

/// Where a blob is in an image layout. A digest holds nothing that a path could be led astray by.
pub(super) fn name(digest: &Digest) -> String {
    format!("blobs/{}", digest.as_str().replacen(':', "/", 1))
}

impl Store {
    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join(name(digest))
    }

    fn part(&self, digest: &Digest) -> PathBuf {
        beside(&self.path(digest))
    }

    /// What there is of a blob. What is there is believed only when it was hashed.
    pub(super) async fn there(&self, digest: &Digest, size: u64) -> Result<There, DiskError> {
        let (path, part, digest) = (self.path(digest), self.part(digest), digest.clone());
        let at = path.clone();
        let looked = blocking(move |stop| {
            if length(&path)? == Some(size)
                && hash(&path, &digest, size, stop)?.finish().as_ref() == Some(&digest)
            {
                return Ok(There::Whole);
            }
            let have = length(&part)?.unwrap_or_default();
            if have >= size {
                // One that is as long as the blob was not right, or was not looked at to the end.
                return match have == size
                    && hash(&part, &digest, size, stop)?.finish().as_ref() == Some(&digest)
                {
                    true => fs::rename(&part, &path).map(|()| There::Whole),
                    false => Ok(There::Partly(Box::new(Hasher::like(&digest)), 0)),
                };
            }
            match have {
                0 => Ok(There::Partly(Box::new(Hasher::like(&digest)), 0)),
                _ => Ok(There::Partly(Box::new(hash(&part, &digest, have, stop)?), have)),
            }
        });
        looked.await.map_err(|problem| write(&at, problem))
    }

    /// Goes on with a blob behind the bytes that are there.
    pub(super) async fn write(&self, digest: &Digest, from: u64) -> Result<Writing, DiskError> {
        let part = self.part(digest);
        let opened = part.clone();
        let file = blocking(move |_| open(&opened, from)).await;
        let mut file = file.map_err(|problem| write(&part, problem))?;
        let (pieces, mut coming) = mpsc::channel::<Bytes>(AHEAD);
        let written = tokio::task::spawn_blocking(move || {
            while let Some(piece) = coming.blocking_recv() {
                file.write_all(&piece)?;
            }
            file.sync_data()
        });
        Ok(Writing { pieces, written })
    }

    /// Gives a blob that is all there its name.
    pub(super) async fn finish(&self, digest: &Digest, writing: Writing) -> Result<(), DiskError> {
        let (part, path) = (self.part(digest), self.path(digest));
        let told = path.clone();
        writing.end().await.map_err(|problem| write(&part, problem))?;
        blocking(move |_| fs::rename(&part, &path)).await.map_err(|problem| write(&told, problem))
    }

    /// Forgets what there is of a blob, since it is wrong.
    pub(super) async fn discard(&self, digest: &Digest) {
        let part = self.part(digest);
        // What stays is found wrong again.
        let _ = blocking(move |_| fs::remove_file(part)).await;
    }

    /// Writes a document under a name, whole or not at all.
    pub(super) async fn document(&self, name: &str, content: Bytes) -> Result<(), DiskError> {
        let path = self.root.join(name);
        let told = path.clone();
        blocking(move |_| replace(&path, &content)).await.map_err(|problem| write(&told, problem))
    }
}

impl Writing {
    /// Hands a piece on; false when the disk takes no more.
    pub(super) async fn piece(&self, piece: Bytes) -> bool {
        self.pieces.send(piece).await.is_ok()
    }

    /// Waits until everything is on the disk.
    async fn end(self) -> io::Result<()> {
        drop(self.pieces);
        self.written.await.map_err(io::Error::other)?
    }

    /// Why the disk takes no more.
    pub(super) async fn problem(self, path: &Path) -> DiskError {
        match self.end().await {
            Err(problem) => write(path, problem),
            Ok(()) => write(path, io::Error::other("it was given up")),
        }
    }
}

/// The name of what is not whole yet.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Writes a file beside its place and puts it there when it is whole.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = beside(path);
    let mut file = File::create(&part)?;
    file.write_all(content)?;
    file.sync_data()?;
    fs::rename(&part, path)
}

fn open(part: &Path, from: u64) -> io::Result<File> {
    if let Some(folder) = part.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(part)?;
    file.set_len(from)?;
    Ok(file)
}
