use std::fmt;
use std::str::FromStr;

/// Names a manifest within a repository for as long as its owner lets it: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagName(String);

/// Why a text is no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no tag: it has letters, digits, underscores, dots and dashes, begins with none of the last two, and is 1 to 128 long"
)]
pub struct TagError(String);

impl TagName {
    /// The tag that is meant where none is given.
    pub fn latest() -> Self {
        Self("latest".into())
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TagName {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let begins = text.bytes().next().is_some_and(word);
        match begins && text.len() <= 128 && text.bytes().all(|b| word(b) || b == b'.' || b == b'-') {
            true => Ok(Self(text.to_owned())),
            false => Err(TagError(text.to_owned())),
        }
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
