//! Reads what is in a tar file: which files, and where. Nothing is unpacked, so no path of it leads anywhere.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use tar::{EntryType, Header};

use super::error::Damage;
use crate::fault::shown;

/// A tar file is made of blocks of so many bytes.
const BLOCK: u64 = 512;
/// The most files of an archive, folders and all.
const MAX_FILES: usize = 100_000;
/// The most bytes of what goes before a file: its long name, and what POSIX adds.
const MAX_EXTENSION: u64 = 1024 * 1024;
/// The longest path.
const MAX_PATH: usize = 4096;

/// The files of an archive, by their paths.
#[derive(Debug, Default)]
pub(super) struct Table {
    files: HashMap<String, Item>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    /// Where it begins, and its length.
    File(u64, u64),
    /// The file of the same archive that it stands for.
    Link(String),
}

/// Why a table could not be read.
#[derive(Debug)]
pub(super) enum NoTable {
    Disk(io::Error),
    Damaged(Damage),
}

impl From<io::Error> for NoTable {
    fn from(problem: io::Error) -> Self {
        Self::Disk(problem)
    }
}

impl From<Damage> for NoTable {
    fn from(problem: Damage) -> Self {
        Self::Damaged(problem)
    }
}

/// What stands before a file and is about it.
#[derive(Default)]
struct Before {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Table {
    /// Reads the table of a file of this length.
    pub(super) fn read(file: &File, length: u64) -> Result<Self, NoTable> {
        let (mut table, mut before, mut at, mut seen) = (Self::default(), Before::default(), 0, 0);
        let mut block = [0; BLOCK as usize];
        while at < length {
            if length - at < BLOCK {
                // What is shorter than a header is no archive at all.
                return Err(if at == 0 { Damage::Header(0) } else { Damage::CutShort }.into());
            }
            file.read_exact_at(&mut block, at)?;
            if block == [0; BLOCK as usize] {
                break;
            }
            let header = Header::from_byte_slice(&block);
            if !is_whole(&block, header) {
                return Err(Damage::Header(at).into());
            }
            seen += 1;
            if seen > MAX_FILES {
                return Err(Damage::TooMany { what: "files in the archive", limit: MAX_FILES }.into());
            }
            let kind = header.entry_type();
            let is_about = matches!(
                kind,
                EntryType::XHeader
                    | EntryType::XGlobalHeader
                    | EntryType::GNULongName
                    | EntryType::GNULongLink
            );
            let own = header.entry_size().map_err(|_| Damage::Header(at))?;
            let size = before.size.filter(|_| !is_about).unwrap_or(own);
            // A link has no bytes, whatever is said of it.
            let size = if kind.is_symlink() || kind.is_hard_link() { 0 } else { size };
            let begin = at + BLOCK;
            let end = size.checked_next_multiple_of(BLOCK).and_then(|size| begin.checked_add(size));
            let end = end.filter(|end| *end <= length).ok_or(Damage::CutShort)?;
            match kind {
                _ if is_about => before.read(kind, file, begin, size)?,
                _ => table.add(std::mem::take(&mut before), header, (begin, size))?,
            }
            at = end;
        }
        Ok(table)
    }

    /// Where a file is, links followed within the archive. None where it is not there.
    pub(super) fn find(&self, path: &str) -> Result<Option<(u64, u64)>, Damage> {
        let broken = || Damage::Link(shown(path));
        match self.files.get(path) {
            None => Ok(None),
            Some(Item::File(begin, length)) => Ok(Some((*begin, *length))),
            // docker links a layer that it has twice to the first one: no link leads to another.
            Some(Item::Link(target)) => match self.files.get(target).ok_or_else(broken)? {
                Item::File(begin, length) => Ok(Some((*begin, *length))),
                Item::Link(_) => Err(broken()),
            },
        }
    }

    fn add(&mut self, before: Before, header: &Header, (begin, size): (u64, u64)) -> Result<(), Damage> {
        let own = header.path_bytes().into_owned();
        let path = before.path.unwrap_or(own);
        let told = || shown(String::from_utf8_lossy(&path));
        let inside = within(&path).ok_or_else(|| Damage::Path(told()))?;
        let kind = header.entry_type();
        let link = || before.link.clone().or_else(|| header.link_name_bytes().map(|name| name.into_owned()));
        let leads = |target: Option<String>| target.map(Item::Link).ok_or_else(|| Damage::Link(told()));
        let item = match kind {
            EntryType::Directory => return Ok(()),
            EntryType::Regular if path.ends_with(b"/") => return Ok(()),
            EntryType::Regular => Item::File(begin, size),
            // It is meant from the folder that the link is in.
            EntryType::Symlink => leads(link().and_then(|target| {
                let folder = inside.rsplit_once('/').map_or("", |(folder, _)| folder);
                joined(folder, &target)
            }))?,
            EntryType::Link => leads(link().and_then(|target| within(&target)))?,
            _ => return Err(Damage::Kind(told())),
        };
        if inside.is_empty() {
            return Err(Damage::Path(told()));
        }
        match self.files.insert(inside, item) {
            None => Ok(()),
            Some(_) => Err(Damage::Twice(told())),
        }
    }
}

impl Before {
    fn read(&mut self, kind: EntryType, file: &File, begin: u64, size: u64) -> Result<(), NoTable> {
        if size > MAX_EXTENSION {
            let limit = MAX_EXTENSION as usize;
            return Err(Damage::TooLarge { name: "a header".to_owned(), limit }.into());
        }
        let mut content = vec![0; size as usize];
        file.read_exact_at(&mut content, begin)?;
        let text = || content.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        match kind {
            EntryType::GNULongName => self.path = Some(text()),
            EntryType::GNULongLink => self.link = Some(text()),
            EntryType::XHeader => {
                for record in tar::PaxExtensions::new(&content) {
                    let record = record.map_err(|_| Damage::Header(begin))?;
                    match record.key_bytes() {
                        b"path" => self.path = Some(record.value_bytes().to_vec()),
                        b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                        b"size" => {
                            let size = record.value().ok().and_then(|size| size.parse().ok());
                            self.size = Some(size.ok_or(Damage::Header(begin))?);
                        }
                        key if key.starts_with(b"GNU.sparse") => {
                            return Err(Damage::Kind("a sparse file".to_owned()).into());
                        }
                        _ => {}
                    }
                }
            }
            // What is said of all files is of no matter here.
            _ => {}
        }
        Ok(())
    }
}

/// Whether a header has the sum that it says.
fn is_whole(block: &[u8; BLOCK as usize], header: &Header) -> bool {
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
    header.cksum().is_ok_and(|said| said == sum - own + 8 * u32::from(b' '))
}

/// A path within the archive, without what leads nowhere. None for one that leads out of it.
fn within(path: &[u8]) -> Option<String> {
    match path.starts_with(b"/") {
        true => None,
        false => {
            let text = std::str::from_utf8(path).ok().filter(|text| text.len() <= MAX_PATH)?;
            let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
            (!parts.contains(&"..")).then(|| parts.join("/"))
        }
    }
}

/// Where a link leads to that is in this folder. None for one that leads out of the archive.
fn joined(folder: &str, target: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(target).ok().filter(|text| text.len() <= MAX_PATH)?;
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests;
