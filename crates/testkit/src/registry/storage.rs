//! The registry's data as they lie on disk, behind its back.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

const ROOT: &str = "docker/registry/v2";

/// The folder of a blob's bytes.
pub(super) fn blob(data: &Path, digest: &str) -> Result<PathBuf> {
    let Some((algorithm, hex)) = digest.split_once(':').filter(|(_, hex)| hex.len() > 2) else {
        bail!("{digest} is not a digest");
    };
    Ok(data.join(ROOT).join("blobs").join(algorithm).join(&hex[..2]).join(hex))
}

/// The digests of all blobs, of which manifests are some.
pub(super) fn blobs(data: &Path) -> Result<Vec<String>> {
    let mut digests = Vec::new();
    for shelf in folders(&data.join(ROOT).join("blobs/sha256"))? {
        for blob in folders(&shelf)? {
            // A folder with no data is what a push leaves that is under way.
            if blob.join("data").is_file() {
                digests.push(format!("sha256:{}", blob.file_name().unwrap_or_default().display()));
            }
        }
    }
    Ok(digests)
}

/// Removes what broken uploads to any repository left.
pub(super) fn forget_uploads(data: &Path) -> Result<()> {
    let mut open = folders(&data.join(ROOT).join("repositories"))?;
    while let Some(folder) = open.pop() {
        if folder.file_name().is_some_and(|name| name == "_uploads") {
            fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
        } else {
            open.extend(folders(&folder)?);
        }
    }
    Ok(())
}

/// What is in a folder, none where there is no such folder.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error).with_context(|| format!("read {}", folder.display())),
    };
    entries.map(|entry| Ok(entry?.path())).collect()
}
