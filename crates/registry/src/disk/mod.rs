//! Images on disk: saved from a registry, and brought to one.
//!
//! Nothing that is read is believed, whether a registry gives it or a disk: each byte is hashed as it passes, digests are checked
//! before they become a path, and archives are never unpacked.

mod archive;
mod content;
mod docker;
mod error;
mod fetch;
mod hashed;
mod image;
mod index;
mod outgoing;
mod place;
mod platform;
mod push;
mod save;
mod seal;
mod source;
mod stop;
mod store;
mod table;
mod tree;

pub use error::{Damage, DiskError, PushError, SaveError};
pub use image::{Choice, OnDisk};
pub use platform::ImageProblem;
pub use save::{SaveOptions, Saved};

/// How an image is laid out on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// A folder, by the OCI image layout.
    #[default]
    OciDir,
    /// The same in a tar file.
    OciArchive,
    /// The same again, for one platform, with what `docker load` needs. So it keeps its digest wherever else it is read.
    DockerArchive,
}
