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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Which of these are in a range.
    fn within(range: &str, versions: &str) -> String {
        let range: Range = range.parse().unwrap();
        let within = versions.split(' ').filter(|version| range.version(version).is_some());
        within.collect::<Vec<_>>().join(" ")
    }

    const ALL: &str =
        "0.0.3 0.0.4 0.2.3 0.2.9 0.3.0 1.1.9 1.2.0 1.2.3 1.2.9 1.3.0 1.4.5 1.9.0 2.0.0 2.1.0 3.0.0";

    #[rstest]
    #[case::one_version("1.2.3", "1.2.3")]
    #[case::said_with_a_sign("=1.2.3", "1.2.3")]
    #[case::with_a_v("v1.2.3", "1.2.3")]
    #[case::in_part("1.2", "1.2.0 1.2.3 1.2.9")]
    #[case::in_part_with_a_sign("=1", "1.1.9 1.2.0 1.2.3 1.2.9 1.3.0 1.4.5 1.9.0")]
    #[case::wildcard("1.2.x", "1.2.0 1.2.3 1.2.9")]
    #[case::wildcards("1.X.*", "1.1.9 1.2.0 1.2.3 1.2.9 1.3.0 1.4.5 1.9.0")]
    #[case::any("*", ALL)]
    #[case::any_by_x("x", ALL)]
    #[case::any_with_a_sign(">=*", ALL)]
    #[case::with_commas(">=1.2.9, <1.4", "1.2.9 1.3.0")]
    #[case::with_commas_alone(">=1.2.9,<1.4", "1.2.9 1.3.0")]
    #[case::with_spaces(">=1.2.9 <1.4", "1.2.9 1.3.0")]
    #[case::with_spaces_within(" >= 1.2.9  <  1.4 ", "1.2.9 1.3.0")]
    #[case::turned_signs("=>1.2.9 =<1.3.0", "1.2.9 1.3.0")]
    #[case::above(">1.9.0", "2.0.0 2.1.0 3.0.0")]
    #[case::above_in_part(">1.2", "1.3.0 1.4.5 1.9.0 2.0.0 2.1.0 3.0.0")]
    #[case::above_a_major(">1", "2.0.0 2.1.0 3.0.0")]
    #[case::at_least_in_part(">=1.9.x", "1.9.0 2.0.0 2.1.0 3.0.0")]
    #[case::below("<0.0.4", "0.0.3")]
    #[case::below_in_part("<0.3", "0.0.3 0.0.4 0.2.3 0.2.9")]
    #[case::at_most_in_part("<=0.2", "0.0.3 0.0.4 0.2.3 0.2.9")]
    #[case::at_most_a_major(">=2 <=2.x", "2.0.0 2.1.0")]
    #[case::at_most("<=0.0.4", "0.0.3 0.0.4")]
    #[case::but_one(">=1.2 <1.3 !=1.2.3", "1.2.0 1.2.9")]
    #[case::but_a_part("1.x !=1.2 !=1.1", "1.3.0 1.4.5 1.9.0")]
    #[case::but_a_major("!=0 !=1", "2.0.0 2.1.0 3.0.0")]
    #[case::tilde("~1.2.3", "1.2.3 1.2.9")]
    #[case::tilde_in_part("~1.2", "1.2.0 1.2.3 1.2.9")]
    #[case::tilde_of_a_major("~1", "1.1.9 1.2.0 1.2.3 1.2.9 1.3.0 1.4.5 1.9.0")]
    #[case::tilde_of_ruby("~> 1.2.3", "1.2.3 1.2.9")]
    #[case::tilde_of_nothing("~0.0.0", "0.0.3 0.0.4")]
    #[case::caret("^1.2.9", "1.2.9 1.3.0 1.4.5 1.9.0")]
    #[case::caret_in_part("^1.4", "1.4.5 1.9.0")]
    #[case::caret_of_a_major("^2", "2.0.0 2.1.0")]
    #[case::caret_with_a_wildcard("^1.4.x", "1.4.5 1.9.0")]
    #[case::caret_before_1("^0.2.4", "0.2.9")]
    #[case::caret_in_part_before_1("^0.2", "0.2.3 0.2.9")]
    #[case::caret_of_0("^0", "0.0.3 0.0.4 0.2.3 0.2.9 0.3.0")]
    #[case::caret_of_0_0("^0.0", "0.0.3 0.0.4")]
    #[case::caret_of_a_patch("^0.0.3", "0.0.3")]
    #[case::caret_of_any("^*", ALL)]
    #[case::from_to("1.2.3 - 1.4.5", "1.2.3 1.2.9 1.3.0 1.4.5")]
    #[case::from_to_in_part("1.2 - 1.4", "1.2.0 1.2.3 1.2.9 1.3.0 1.4.5")]
    #[case::from_to_and_more("1.2 - 1.4, !=1.3.0", "1.2.0 1.2.3 1.2.9 1.4.5")]
    #[case::either("~0.2.3 || ^2.1", "0.2.3 0.2.9 2.1.0")]
    #[case::either_with_from_to("0.2 - 0.3||3.x", "0.2.3 0.2.9 0.3.0 3.0.0")]
    #[case::none_that_is_there(">3 <2", "")]
    fn a_range_has(#[case] range: &str, #[case] versions: &str) {
        assert_eq!(within(range, ALL), versions);
    }

    const PRERELEASES: &str = "1.2.0-alpha.1 1.2.0 1.2.3-rc.1 1.2.3 1.3.0-0 1.3.0 2.0.0-beta.2 2.0.0";

    /// As Flux has it: one comparator that names a prerelease opens all that stands beside it.
    #[rstest]
    #[case::left_out("*", "1.2.0 1.2.3 1.3.0 2.0.0")]
    #[case::left_out_below("<2", "1.2.0 1.2.3 1.3.0")]
    #[case::left_out_of_unequal("!=1.2.0", "1.2.3 1.3.0 2.0.0")]
    #[case::welcome("*-0", PRERELEASES)]
    #[case::welcome_from_a_version(">=1.2.3-0", "1.2.3-rc.1 1.2.3 1.3.0-0 1.3.0 2.0.0-beta.2 2.0.0")]
    #[case::welcome_beside(">=1.2.3-0 <2", "1.2.3-rc.1 1.2.3 1.3.0-0 1.3.0 2.0.0-beta.2")]
    #[case::before_those_of_2(">=1.2.3-0 <2.0.0-0", "1.2.3-rc.1 1.2.3 1.3.0-0 1.3.0")]
    #[case::not_in_the_other_half(">=2.0.0-0 || 1.2.x", "1.2.0 1.2.3 2.0.0-beta.2 2.0.0")]
    #[case::one("1.2.3-rc.1", "1.2.3-rc.1")]
    #[case::wildcard("1.2.x-0", "1.2.0-alpha.1 1.2.0 1.2.3-rc.1 1.2.3")]
    #[case::tilde("~1.2.0-beta", "1.2.0 1.2.3-rc.1 1.2.3")]
    #[case::caret("^1.2.0-0", "1.2.0-alpha.1 1.2.0 1.2.3-rc.1 1.2.3 1.3.0-0 1.3.0")]
    #[case::without_spaces_it_is_no_hyphen("1.2.0-1.4.5", "")]
    fn a_prerelease_counts_where_one_is_named(#[case] range: &str, #[case] versions: &str) {
        assert_eq!(within(range, PRERELEASES), versions);
    }

    #[rstest]
    #[case("1.2.3", true)]
    #[case("v1.2.3", true)]
    #[case("1.2.3-rc.1", true)]
    #[case("1.2", false)]
    #[case("v1", false)]
    #[case("V1.2.3", false)]
    #[case("vv1.2.3", false)]
    #[case("1.2.3.4", false)]
    #[case("01.2.3", false)]
    #[case("1.2.3-01", false)]
    #[case("1.2.3_1", false)]
    #[case("latest", false)]
    #[case("99999999999999999999.0.0", false)]
    #[case("", false)]
    fn a_version_is_a_whole_one(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(within("*-0", text), if is_one { text } else { "" });
    }

    #[rstest]
    #[case("", "for any version write *")]
    #[case(" ", "for any version write *")]
    #[case("1.x ||", "for any version write *")]
    #[case("1.x,,2.x", "for any version write *")]
    #[case("new", "\"new\" is no number")]
    #[case("==1.2.3", "\"==\" is none of")]
    #[case(">", "\"\" is no number")]
    #[case(">= <2", "\"<2\" is no number")]
    #[case(">=1.2<2", "\"2<2\" is no number")]
    #[case("1.2.3.4", "more than three numbers")]
    #[case("1..2", "\"\" is no number")]
    #[case("01.2", "\"01\" is no number")]
    #[case("1.x.2", "a number follows a wildcard")]
    #[case("1.2.3-", "\"\" is no prerelease")]
    #[case("1.2.3-01", "\"01\" is no prerelease")]
    #[case("1.2 -1.4", "\"\" is no number")]
    #[case("- 1.4", "\"\" is no number")]
    #[case("1.2 - ", "\"\" is no number")]
    #[case(">=1 - 2", "\">=1\" is no number")]
    #[case(">*", "is no version at all")]
    #[case("!=x", "is no version at all")]
    #[case("99999999999999999999", "is no number of a version")]
    fn what_is_no_range_is_refused(#[case] range: &str, #[case] because: &str) {
        let error = range.parse::<Range>().unwrap_err().to_string();
        assert!(error.contains(because), "{error}");
        assert!(error.contains("such as \">=1.2.0, <2\""), "{error}");
    }

    #[test]
    fn a_range_is_not_too_long() {
        let error = "1.x ".repeat(65).parse::<Range>().unwrap_err().to_string();
        assert!(error.contains("it has 260 characters, and at most 256 are allowed"), "{error}");
    }

    /// What Cargo reads is read here as well, whatever it then means.
    #[rstest]
    #[case(">=1.2.0, <2")]
    #[case("1.*")]
    #[case("1.*.*")]
    #[case("~1.2, ^1.2.3-alpha.1, =1")]
    #[case(">= 1.0.0-rc.1+build")]
    fn the_grammar_of_cargo_is_part_of_it(#[case] range: &str) {
        semver::VersionReq::parse(range).unwrap();
        range.parse::<Range>().unwrap();
    }
}
