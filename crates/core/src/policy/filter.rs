use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};

use super::template::{Template, TemplateError};

/// Leaves out tags that do not match a pattern, and says what of the others is compared.
///
/// The pattern matches anywhere in the tag unless it is anchored with `^` and `$`. Tags have no characters outside of
/// ASCII, so `\w` and `\d` mean those of ASCII. Matching takes linear time, whatever the pattern.
#[derive(Clone, Debug)]
pub struct Filter {
    pattern: Regex,
    extract: Option<Template>,
}

/// Why a filter can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The pattern is longer than is read.
    #[error("a pattern of {0} characters is too long; at most {max} are allowed", max = Filter::LONGEST_PATTERN)]
    TooLong(usize),
    /// The pattern is no regular expression.
    #[error("{pattern:?} is no regular expression: {why}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// The pattern needs more memory than one Tag may have.
    #[error("{0:?} is too large when it is written out; use smaller repetitions than {{1000}}, or + and *")]
    TooLarge(String),
    /// What is to be compared can't be taken out of a match.
    #[error(transparent)]
    Extract(#[from] TemplateError),
}

impl Filter {
    /// The most characters of a pattern.
    pub const LONGEST_PATTERN: usize = 512;

    /// The most memory that a compiled pattern takes, and the most that matching with it keeps.
    const LARGEST: usize = 256 << 10;

    /// The most bytes of a value. A tag has 128 at most; only an `extract` that repeats itself makes more.
    const LONGEST_VALUE: usize = 256;

    /// The filter by a pattern; `extract` names what of a match is compared, otherwise it is the whole tag.
    pub fn new(pattern: &str, extract: Option<&str>) -> Result<Self, FilterError> {
        let length = pattern.chars().count();
        if length > Self::LONGEST_PATTERN {
            return Err(FilterError::TooLong(length));
        }
        let mut builder = RegexBuilder::new(pattern);
        builder.unicode(false).size_limit(Self::LARGEST).dfa_size_limit(Self::LARGEST);
        let compiled = builder.build().map_err(|error| refused(pattern, &error))?;
        let extract = extract.filter(|extract| !extract.is_empty());
        let extract = extract.map(|extract| Template::new(extract, &compiled)).transpose()?;
        Ok(Self { pattern: compiled, extract })
    }

    /// What of a tag is compared, or none where the tag is left out: it does not match, or its value is longer than any
    /// tag could be.
    pub fn value<'a>(&self, tag: &'a str) -> Option<Cow<'a, str>> {
        let Some(extract) = &self.extract else {
            return self.pattern.is_match(tag.as_bytes()).then_some(Cow::Borrowed(tag));
        };
        let found = self.pattern.captures(tag.as_bytes())?;
        let value = extract.fill(|group| found.get(group).and_then(|part| tag.get(part.range())));
        (value.len() <= Self::LONGEST_VALUE).then_some(Cow::Owned(value))
    }
}

/// A pattern that is too large is none that is wrong, and is told so.
fn refused(pattern: &str, error: &regex::Error) -> FilterError {
    match error {
        regex::Error::CompiledTooBig(_) => FilterError::TooLarge(pattern.to_owned()),
        other => {
            let why = other.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            FilterError::Pattern { pattern: pattern.to_owned(), why }
        }
    }
}
