//! A clock that is wrong, for a process that is linked to the C library.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::assets;
use crate::scratch::Scratch;

/// A wall clock that is ahead, or behind, and is set while whoever reads it runs. Clocks that only count are right.
#[derive(Debug)]
pub struct Clock {
    library: PathBuf,
    offset: PathBuf,
    files: Scratch,
}

impl Clock {
    /// A clock that is off by so much: `+1d`, `-1d`, `+0`. Nothing is installed in the system for it.
    pub async fn off_by(offset: &str) -> Result<Self> {
        let (library, files) = (assets::libfaketime().await?, Scratch::in_memory()?);
        let clock = Self { library, offset: files.path().join("offset"), files };
        clock.set(offset)?;
        Ok(clock)
    }

    /// Has the clock be off by so much from now on. It is noticed within a second.
    pub fn set(&self, offset: &str) -> Result<()> {
        // A file that appears whole: it is read at any moment.
        let new = self.files.write("new", offset)?;
        std::fs::rename(new, &self.offset).context("set a clock")
    }

    /// The variables with which a process reads this clock.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.offset.display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            // What another version of it calls the same.
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
