use std::io;
use std::path::{Path, PathBuf};

use tagger_core::reference::Digest;

use super::platform::ImageProblem;
use crate::error::Error;
use crate::manifest::ManifestProblem;

/// Says what failed with an image on disk, and with which file.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// It can't be read.
    #[error("{} can't be read: {problem}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// It can't be written.
    #[error("{} can't be written: {problem}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// Something else is where the image would go.
    #[error("{} is there already, and is {what}", path.display())]
    Taken {
        /// The place.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// Another process writes there.
    #[error("another process is writing an image to {}", path.display())]
    Busy {
        /// The place.
        path: PathBuf,
    },
    /// It is none.
    #[error(
        "{} is no image: a folder or tar file of OCI has oci-layout in it, and one of docker save has manifest.json",
        path.display()
    )]
    NoImage {
        /// The file or folder.
        path: PathBuf,
    },
    /// An archive that is compressed as a whole.
    #[error("{} is compressed; unpack it first, by {by}", path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The program that unpacks it.
        by: &'static str,
    },
    /// What is in it can't be believed.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        problem: Damage,
    },
    /// It has more than one image.
    #[error("{} has several images: {}", path.display(), names.join(", "))]
    Several {
        /// The file or folder.
        path: PathBuf,
        /// What they are called there.
        names: Vec<String>,
    },
    /// It has not got the image that was asked for.
    #[error("{} has no image {name:?}; it has {}", path.display(), names.join(", "))]
    NoSuch {
        /// The file or folder.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// What there is.
        names: Vec<String>,
    },
    /// The image can't be had as it was asked for.
    #[error("{}: {problem}", path.display())]
    Unfit {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        problem: ImageProblem,
    },
}

/// Says why a folder or an archive is not taken for an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It ends too early.
    #[error("the archive is cut short")]
    CutShort,
    /// It is no tar file.
    #[error("the archive is damaged at byte {0}")]
    Header(u64),
    /// A kind of file that no image has.
    #[error("the archive has {0:?}, which is neither a file nor a folder")]
    Kind(String),
    /// A path that leads out of the archive.
    #[error("the archive has the path {0:?}, which leads out of it")]
    Path(String),
    /// Two files have one name.
    #[error("the archive has {0:?} twice")]
    Twice(String),
    /// A link to nothing, to another link, or out of the archive.
    #[error("{0:?} is a link that leads to no file of the image")]
    Link(String),
    /// There is more of something than there can be in earnest.
    #[error("there are more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most that is taken.
        limit: usize,
    },
    /// A document is larger than any can be.
    #[error("{name} has more than {limit} bytes")]
    TooLarge {
        /// The file.
        name: String,
        /// The most that is read.
        limit: usize,
    },
    /// A document is not what it must be.
    #[error("{name} is not valid: {problem}")]
    Document {
        /// The file.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A manifest is not one.
    #[error("the manifest {digest} is not valid: {problem}")]
    Manifest {
        /// The manifest.
        digest: Digest,
        /// What is wrong with it.
        problem: ManifestProblem,
    },
    /// A part is not there.
    #[error("it names {0}, which is not there")]
    Missing(String),
    /// A part has another size than its manifest says.
    #[error("{name} has {actual} bytes and should have {expected}")]
    Size {
        /// The part.
        name: String,
        /// The bytes by the manifest.
        expected: u64,
        /// The bytes that are there.
        actual: u64,
    },
    /// A part is not what its digest says.
    #[error("what should be {expected} is {actual}")]
    Digest {
        /// What it should be.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
}

/// Says why an image could not be saved to disk.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// It could not be had from its registry.
    #[error(transparent)]
    Registry(#[from] Error),
    /// It could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It can't be saved as it was asked for.
    #[error(transparent)]
    Unfit(#[from] ImageProblem),
}

/// Says why an image on disk could not be brought to a registry.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// It could not be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The registry did not take it.
    #[error(transparent)]
    Registry(#[from] Error),
}

pub(super) fn read(path: &Path, problem: io::Error) -> DiskError {
    DiskError::Read { path: path.to_owned(), problem }
}

pub(super) fn write(path: &Path, problem: io::Error) -> DiskError {
    DiskError::Write { path: path.to_owned(), problem }
}

pub(super) fn damaged(path: &Path, problem: Damage) -> DiskError {
    DiskError::Damaged { path: path.to_owned(), problem }
}
