//! Writes archives.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use bytes::Bytes;
use tagger_core::reference::Digest;

use super::stop::Stop;
use super::store::{Store, name};
use crate::hash::Hasher;

/// Writes a tar file of these documents and blobs. The same image gives the same bytes, whenever and by whomever it is made.
pub(super) fn pack(
    path: &Path,
    documents: &[(&str, Bytes)],
    store: &Store,
    blobs: &[(Digest, u64)],
    stop: &Stop,
) -> io::Result<()> {
    let file = BufWriter::with_capacity(1024 * 1024, File::create(path)?);
    let mut archive = tar::Builder::new(file);
    for (name, content) in documents {
        archive.append_data(&mut header(content.len() as u64), name, &content[..])?;
    }
    for (digest, size) in blobs {
        let blob = Checked {
            file: File::open(store.path(digest))?.take(*size),
            hasher: Some(Hasher::like(digest)),
            digest,
            left: *size,
            stop,
        };
        archive.append_data(&mut header(*size), name(digest), blob)?;
    }
    let mut file = archive.into_inner()?;
    file.flush()?;
    file.get_ref().sync_data()
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header
}

/// A blob that is hashed while it is packed: disks lose bits.
struct Checked<'a> {
    file: io::Take<File>,
    hasher: Option<Hasher>,
    digest: &'a Digest,
    left: u64,
    stop: &'a Stop,
}

impl Read for Checked<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stop.check()?;
        let read = self.file.read(into)?;
        self.left -= read as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&into[..read]);
        }
        let ended = read == 0 && !into.is_empty();
        if ended
            && (self.left > 0
                || self.hasher.take().and_then(Hasher::finish).is_some_and(|is| is != *self.digest))
        {
            return Err(io::Error::other(format!("{} was changed on the disk", self.digest)));
        }
        Ok(read)
    }
}
