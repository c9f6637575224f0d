use std::cmp::Ordering;
use std::str::FromStr;

use semver::Version;

use super::comparator::Comparator;

/// A range of versions, as Flux and Helm write it.
///
/// Comparators with spaces or commas between them hold together, `||` is between ranges of which one is enough, and
/// `1.2 - 1.4` is from the one to the other. Versions in part are as wide as what they leave out: `1.2` and `1.2.x` are all of 1.2.
/// A version alone, such as `1.2.3`, is that version only.
///
/// Prereleases are left out, except where a comparator names one: `>=1.0.0-0` welcomes all of them, also beside other
/// comparators that name none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range(Vec<Alternative>);

/// Comparators that hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Alternative {
    comparators: Vec<Comparator>,
    prereleases: bool,
}

/// Why a text is no range of versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{range:?} is no range of versions, such as \">=1.2.0, <2\": {why}")]
pub struct RangeError {
    range: String,
    why: String,
}

impl Range {
    /// The most characters of a range.
    const LONGEST: usize = 256;

    /// The version that a text is, where it is one and in the range: three numbers, with or without a `v` before them.
    pub(super) fn version(&self, text: &str) -> Option<Version> {
        let version = Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()?;
        self.0.iter().any(|alternative| alternative.has(&version)).then_some(version)
    }
}

impl Alternative {
    fn has(&self, version: &Version) -> bool {
        (version.pre.is_empty() || self.prereleases)
            && self.comparators.iter().all(|comparator| comparator.has(version))
    }
}

/// The order of versions, in which what stands behind a `+` does not count.
pub(super) fn by_precedence(one: &Version, other: &Version) -> Ordering {
    one.cmp_precedence(other)
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let wrong = |why: String| RangeError { range: text.chars().take(Self::LONGEST).collect(), why };
        let length = text.chars().count();
        if length > Self::LONGEST {
            return Err(wrong(format!(
                "it has {length} characters, and at most {} are allowed",
                Self::LONGEST
            )));
        }
        text.split("||").map(alternative).collect::<Result<_, _>>().map(Self).map_err(wrong)
    }
}

fn alternative(text: &str) -> Result<Alternative, String> {
    let mut comparators = Vec::new();
    for part in text.split(',') {
        let words: Vec<&str> = part.split_whitespace().collect();
        let mut rest = words.as_slice();
        if rest.is_empty() {
            return Err("a comparator is missing; for any version write *".to_owned());
        }
        while !rest.is_empty() {
            rest = match rest {
                [from, "-", to, rest @ ..] => {
                    comparators.push(Comparator::read(">=", from)?);
                    comparators.push(Comparator::read("<=", to)?);
                    rest
                }
                [operator, version, rest @ ..] if operator.ends_with(['<', '>', '=', '^', '~', '!']) => {
                    comparators.push(Comparator::read(operator, version)?);
                    rest
                }
                [word, rest @ ..] => {
                    let (operator, version) =
                        word.split_at(word.find(|c| !"<>=^~!".contains(c)).unwrap_or(word.len()));
                    comparators.push(Comparator::read(operator, version)?);
                    rest
                }
                [] => rest,
            };
        }
    }
    let prereleases = comparators.iter().any(Comparator::names_a_prerelease);
    Ok(Alternative { comparators, prereleases })
}
