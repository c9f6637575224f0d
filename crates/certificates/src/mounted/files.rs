//! The files of a mounted Secret, read as they belong together.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::Problem;

/// The server's certificate, and those between it and its authority, as PEM.
pub const CERTIFICATE: &str = "tls.crt";

/// The key of the server's certificate, as PEM.
pub const KEY: &str = "tls.key";

/// The certificates of the authorities to trust, as PEM. There is none for a public authority.
pub const AUTHORITY: &str = "ca.crt";

/// The link by which all files of a mounted Secret are swapped at once.
const LINK: &str = "..data";

/// As large as a Secret can be.
const LARGEST: u64 = 1024 * 1024;

/// What the files of a folder hold. It is not to be printed: one of them is a key.
#[derive(PartialEq, Eq)]
pub struct Files {
    /// The certificate.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: Vec<u8>,
    /// The authorities.
    pub authority: Option<Vec<u8>>,
}

impl Files {
    /// Reads them, all from one side of a swap where the folder is a mounted Secret.
    pub fn read(folder: &Path) -> Result<Self, Problem> {
        let now = folder.join(LINK).canonicalize().unwrap_or_else(|_| folder.to_owned());
        let wanted = |name| file(&now, name)?.ok_or(Problem::Missing(name));
        Ok(Self { certificate: wanted(CERTIFICATE)?, key: wanted(KEY)?, authority: file(&now, AUTHORITY)? })
    }
}

/// A file's bytes, or none where it is not there.
fn file(folder: &Path, name: &'static str) -> Result<Option<Vec<u8>>, Problem> {
    let mut bytes = Vec::new();
    let read = File::open(folder.join(name)).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if length as u64 > LARGEST => Err(Problem::TooLarge(name, LARGEST)),
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::Unreadable(name, error)),
    }
}
