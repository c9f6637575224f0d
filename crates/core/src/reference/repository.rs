use std::fmt;
use std::str::FromStr;

/// Names a repository within a registry: path components in lower case, joined by slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository(String);

/// Why a text is no repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryError {
    /// The path has capital letters.
    #[error("{0:?} is no repository: write it in lower case")]
    Uppercase(String),
    /// The path breaks the grammar of the distribution specification.
    #[error(
        "{0:?} is no repository: its parts have lower case letters and digits, with single dots, one or two underscores or dashes between them"
    )]
    Grammar(String),
    /// The path is longer than registries take.
    #[error("a repository of {0} characters is too long; at most {max} are allowed", max = Repository::MAX_LENGTH)]
    TooLong(usize),
}

impl Repository {
    /// The most characters that a repository may have.
    pub const MAX_LENGTH: usize = 255;

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path can still be named where Docker would place it.
    pub(super) fn check_in_docker_library(&self) -> Result<(), RepositoryError> {
        let length = self.in_docker_library().0.len();
        (length <= Self::MAX_LENGTH).then_some(()).ok_or(RepositoryError::TooLong(length))
    }

    pub(super) fn in_docker_library(&self) -> Self {
        match self.0.contains('/') {
            true => self.clone(),
            false => Self(format!("library/{}", self.0)),
        }
    }
}

impl FromStr for Repository {
    type Err = RepositoryError;

    fn from_str(text: &str) -> Result<Self, RepositoryError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(RepositoryError::TooLong(text.len()));
        }
        if text.split('/').all(is_component) {
            return Ok(Self(text.to_owned()));
        }
        let lower = text.to_ascii_lowercase();
        Err(match lower.split('/').all(is_component) {
            true => RepositoryError::Uppercase(text.to_owned()),
            false => RepositoryError::Grammar(text.to_owned()),
        })
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, as the distribution specification has it.
fn is_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let separators =
        text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).filter(|run| !run.is_empty());
    let ends_well = |end: Option<u8>| end.is_some_and(alphanumeric);
    ends_well(text.bytes().next())
        && ends_well(text.bytes().last())
        && separators.into_iter().all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
