//! Which version of Kubernetes a binary is.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::process::Command;

/// A version of Kubernetes, as far as flags and abilities depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number, by which abilities come and go.
    pub minor: u32,
}

impl Version {
    /// A version to compare with.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Asks a binary of Kubernetes for its version.
    pub(super) async fn of(binary: &Path) -> Result<Self> {
        let said = || format!("ask {} for its version", binary.display());
        let output = Command::new(binary).arg("--version").output().await.with_context(said)?;
        let text = String::from_utf8_lossy(&output.stdout);
        parse(&text).with_context(|| format!("{said}: it answered {text:?}", said = said()))
    }
}

/// Reads what binaries of Kubernetes say: `Kubernetes v1.20.2`.
fn parse(text: &str) -> Option<Version> {
    let mut numbers = text.trim().strip_prefix("Kubernetes v")?.split('.');
    Some(Version { major: numbers.next()?.parse().ok()?, minor: numbers.next()?.parse().ok()? })
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_a_binary_says() {
        assert_eq!(parse("Kubernetes v1.20.2\n"), Some(Version::new(1, 20)));
        assert_eq!(parse("Kubernetes v1.36.0-rc.1+abc\n"), Some(Version::new(1, 36)));
        assert_eq!(parse("etcd Version: 3.4.23"), None);
    }
}
