//! Reads files while hashing them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tagger_core::reference::Digest;

use super::stop::Stop;
use crate::hash::Hasher;

/// How much is read at a time.
pub(super) const CHUNK: usize = 256 * 1024;

/// The length of a file, none where there is none. What is no file of its own, such as a link, is an error.
pub(super) fn length(path: &Path) -> io::Result<Option<u64>> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(found.len())),
        Ok(_) => Err(io::Error::other("it is a link or a folder, and should be a file")),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Hashes a file that has this length, from its beginning to its end.
pub(super) fn hash(path: &Path, like: &Digest, length: u64, stop: &Stop) -> io::Result<Hasher> {
    let (mut hasher, mut file) = (Hasher::like(like), File::open(path)?.take(length));
    let mut chunk = vec![0; CHUNK];
    loop {
        stop.check()?;
        match file.read(&mut chunk)? {
            0 => return Ok(hasher),
            read => hasher.update(&chunk[..read]),
        }
    }
}
