//! A layer of files: the same files are the same bytes.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::layout::digest;

/// A file of the image. It belongs to root: what the program runs as can't change it.
pub(super) struct Entry {
    path: &'static str,
    bytes: Vec<u8>,
    mode: u32,
}

impl Entry {
    pub(super) fn file(path: &'static str, bytes: Vec<u8>, mode: u32) -> Self {
        Self { path, bytes, mode }
    }
}

/// A layer, compressed, and the digest of it before.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) bytes: Vec<u8>,
    pub(super) diff_id: String,
}

/// Packs files, and the folders that they are in, in the order of their names.
pub(super) fn layer(files: &[Entry], time: u64) -> Result<Layer> {
    let folders: BTreeSet<&Path> = files
        .iter()
        .flat_map(|file| Path::new(file.path).ancestors().skip(1))
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    let mut archive = tar::Builder::new(Vec::new());
    for folder in folders {
        let mut header = header(tar::EntryType::Directory, 0, 0o755, time);
        archive.append_data(&mut header, format!("{}/", folder.display()), std::io::empty())?;
    }
    let mut sorted: Vec<&Entry> = files.iter().collect();
    sorted.sort_by_key(|file| file.path);
    for file in sorted {
        let mut header = header(tar::EntryType::Regular, u64::try_from(file.bytes.len())?, file.mode, time);
        archive.append_data(&mut header, file.path, file.bytes.as_slice())?;
    }
    let archive = archive.into_inner()?;
    // The header that it writes has no time and no name in it.
    let mut compressed = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut compressed, &archive)?;
    Ok(Layer { bytes: compressed.finish()?, diff_id: digest(&archive) })
}

/// A header with nothing of the machine in it.
pub(super) fn header(kind: tar::EntryType, size: u64, mode: u32, time: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header
}
