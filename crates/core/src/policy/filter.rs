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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::the_whole_tag("^main-", None, "main-1", Some("main-1"))]
    #[case::anywhere("ain", None, "main-1", Some("main-1"))]
    #[case::anchored("^ain", None, "main-1", None)]
    #[case::no_extract_is_none_at_all("ain", Some(""), "main-1", Some("main-1"))]
    #[case::by_name("^main-(?P<ts>[0-9]+)-[a-f0-9]+$", Some("$ts"), "main-170-ab", Some("170"))]
    #[case::by_the_other_syntax("^main-(?<ts>[0-9]+)", Some("${ts}"), "main-170-ab", Some("170"))]
    #[case::by_number(r"(\d+)-(\w+)", Some("$2"), "main-170-ab", Some("ab"))]
    #[case::the_whole_match(r"\d+", Some("$0"), "main-170-ab", Some("170"))]
    #[case::text_around(r"^(\d+)_(\d+)$", Some("$1.${2}.0"), "1_2", Some("1.2.0"))]
    #[case::braces_end_a_name(r"^(\d+)", Some("${1}x$$"), "1_2", Some("1x$"))]
    #[case::text_only("a", Some("same"), "a", Some("same"))]
    #[case::a_group_that_took_no_part("a(b)?", Some("[$1]"), "a", Some("[]"))]
    #[case::architectures_left_out("^[^-]+$", None, "arm64-1.2.3", None)]
    #[case::small_and_large("(?i)^MAIN", None, "main-1", Some("main-1"))]
    fn a_filter_gives_what_is_compared(
        #[case] pattern: &str,
        #[case] extract: Option<&str>,
        #[case] tag: &str,
        #[case] value: Option<&str>,
    ) {
        assert_eq!(Filter::new(pattern, extract).unwrap().value(tag).as_deref(), value);
    }

    #[rstest]
    #[case("(", "\"(\" is no regular expression: unclosed group")]
    #[case("(?=a)", "look-ahead")]
    #[case(r"(a)\1", "backreferences are not supported")]
    #[case("a**{", "is no regular expression")]
    #[case(r"(\w{1000}){1000}", "is too large when it is written out")]
    #[case("(((a{999}){999}){999}){999}", "is too large when it is written out")]
    #[case("a{1000000000}", "is too large when it is written out")]
    #[case(&"a".repeat(513), "a pattern of 513 characters is too long; at most 512")]
    fn a_wrong_pattern_is_refused(#[case] pattern: &str, #[case] because: &str) {
        let error = Filter::new(pattern, None).unwrap_err();
        assert!(!matches!(error, FilterError::Extract(_)));
        assert!(error.to_string().contains(because), "{error}");
    }

    #[rstest]
    #[case("(a)", "$2", "names the group \"2\", and the pattern has $1")]
    #[case("(a)(?P<ts>b)", "$t", "names the group \"t\", and the pattern has $1, $ts")]
    #[case("(a)", "$1x", "names the group \"1x\"")]
    #[case("a", "$1", "the pattern has no groups; put what is to be compared in")]
    #[case("(a)", "$99999999999999999999", "names the group")]
    #[case("(a)", "$", "has a $ that names no group")]
    #[case("(a)", "$-", "has a $ that names no group")]
    #[case("(a)", "${1", "has a $ that names no group")]
    #[case("(a)", "${}", "has a $ that names no group")]
    #[case("(a)", &"x".repeat(129), "an extract of 129 characters is too long; at most 128")]
    fn a_wrong_extract_is_refused(#[case] pattern: &str, #[case] extract: &str, #[case] because: &str) {
        let error = Filter::new(pattern, Some(extract)).unwrap_err();
        assert!(matches!(error, FilterError::Extract(_)));
        assert!(error.to_string().contains(because), "{error}");
    }

    /// So that 100,000 tags with a value each stay in bounds.
    #[test]
    fn a_value_that_is_longer_than_any_tag_leaves_the_tag_out() {
        let filter = Filter::new("(.*)", Some(&"$1".repeat(64))).unwrap();
        assert_eq!(filter.value("1234").map(|value| value.len()), Some(256));
        assert_eq!(filter.value("12345"), None);
    }

    /// A backtracking engine would take longer than the universe is old.
    #[test]
    fn a_pattern_that_is_made_to_be_slow_is_not() {
        let filter = Filter::new("^(a+)+$", None).unwrap();
        let tag = format!("{}b", "a".repeat(127));
        assert_eq!(filter.value(&tag), None);
    }
}
