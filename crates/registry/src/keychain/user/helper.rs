//! The names of credential helpers.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::ask::HelperProblem;
use crate::fault::shown;

/// What the programs' names begin with.
const PREFIX: &str = "docker-credential-";

/// A program that keeps credentials, found in `PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Helper {
    program: String,
}

impl Helper {
    /// The helper that a config file names. A name leads nowhere else than into `PATH`.
    pub(super) fn named(name: &str, file: &Path) -> Result<Self, HelperProblem> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        match !name.is_empty() && name.len() <= 100 && name.bytes().all(plain) {
            true => Ok(Self { program: format!("{PREFIX}{name}") }),
            false => Err(HelperProblem::Name { file: file.to_owned(), name: shown(name) }),
        }
    }

    /// The program's name.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// Where the program is. Only whole folders of `PATH` count: the one that somebody happens to be in is none of the user's own.
    pub(super) fn find(&self, path: &OsStr) -> Option<PathBuf> {
        let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
        let mut files = folders.map(|folder| folder.join(&self.program));
        files.find(|file| {
            std::fs::metadata(file).is_ok_and(|of| of.is_file() && of.permissions().mode() & 0o111 != 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("desktop", true)]
    #[case("ecr-login", true)]
    #[case("gcloud.cmd", true)]
    #[case("", false)]
    #[case("../../tmp/x", false)]
    #[case("a/b", false)]
    #[case("a b", false)]
    #[case("a\0b", false)]
    #[case("a;b", false)]
    fn a_helper_has_a_plain_name(#[case] name: &str, #[case] good: bool) {
        let helper = Helper::named(name, Path::new("/c/config.json"));
        assert_eq!(helper.is_ok(), good);
        if let Err(problem) = helper {
            assert!(
                problem.to_string().starts_with("/c/config.json names the credential helper"),
                "{problem}"
            );
        }
    }
}
