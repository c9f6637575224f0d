//! What people should know.

use std::fmt;

use super::Source;

/// What people should know, in the order of what they gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Note {
    file: usize,
    line: usize,
    text: String,
}

impl Note {
    pub(crate) fn new(file: usize, source: &Source, line: usize, text: impl fmt::Display) -> Self {
        Self { file, line, text: format!("{}:{line}: {text}", source.name) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
