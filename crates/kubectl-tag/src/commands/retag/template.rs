//! The names of new tags, with what is filled in: pure.

use jiff::Zoned;
use jiff::fmt::strtime;
use tagger_core::reference::{Digest, TagName};

/// What can be filled in.
pub(super) struct Facts<'a> {
    pub(super) digest: &'a Digest,
    pub(super) generation: i64,
    /// The tag that the generation was imported from.
    pub(super) tag: Option<&'a str>,
    /// Now, in UTC.
    pub(super) now: Zoned,
}

/// Why a pattern makes no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("{pattern:?} has {{{name}}}, which is not filled in; known are {KNOWN}")]
    Unknown { pattern: String, name: String },
    #[error("{0:?} has a brace without its other half")]
    Brace(String),
    #[error("{pattern:?}: {{digest:N}} takes 1 to {longest} characters of the digest, and not {given:?}")]
    Length { pattern: String, longest: usize, given: String },
    #[error("{pattern:?}: {format:?} is no format of a date or a time: {why}")]
    Format { pattern: String, format: String, why: String },
    #[error("{0:?} has {{tag}}, and the generation was imported by its digest, without a tag")]
    NoTag(String),
    #[error("{pattern:?} makes {problem}")]
    Invalid { pattern: String, problem: String },
}

/// What a pattern may have in braces.
pub(super) const KNOWN: &str =
    "{digest}, {digest:12}, {short}, {date}, {date:%Y%m%d}, {time}, {time:%H%M}, {generation}, {tag}";

/// The tag that a pattern makes.
pub(super) fn fill(pattern: &str, facts: &Facts<'_>) -> Result<TagName, Wrong> {
    let unpaired = || Wrong::Brace(pattern.to_owned());
    let (mut filled, mut rest) = (String::new(), pattern);
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').ok_or_else(unpaired)?;
        filled.push_str(before);
        filled.push_str(&value(pattern, name, facts)?);
        rest = after;
    }
    filled.push_str(rest);
    if filled.contains('}') {
        return Err(unpaired());
    }
    filled.parse().map_err(|problem: tagger_core::reference::TagError| Wrong::Invalid {
        pattern: pattern.to_owned(),
        problem: problem.to_string(),
    })
}

fn value(pattern: &str, name: &str, facts: &Facts<'_>) -> Result<String, Wrong> {
    let pattern = || pattern.to_owned();
    let (word, detail) = name.split_once(':').map_or((name, None), |(word, detail)| (word, Some(detail)));
    // A tag can't have a colon, so the algorithm stays away.
    let hash = facts.digest.as_str().split_once(':').map_or("", |(_, hash)| hash);
    let at = |format: &str| {
        strtime::format(format, &facts.now).map_err(|error| Wrong::Format {
            pattern: pattern(),
            format: format.to_owned(),
            why: error.to_string(),
        })
    };
    match (word, detail) {
        ("digest", None) => Ok(hash.to_owned()),
        ("digest", Some(length)) => {
            let part =
                length.parse().ok().filter(|length| *length > 0).and_then(|length: usize| hash.get(..length));
            part.map(str::to_owned).ok_or_else(|| Wrong::Length {
                pattern: pattern(),
                longest: hash.len(),
                given: length.to_owned(),
            })
        }
        ("short", None) => Ok(hash.chars().take(12).collect()),
        ("date", format) => at(format.unwrap_or("%Y-%m-%d")),
        ("time", format) => at(format.unwrap_or("%H%M%S")),
        ("generation", None) => Ok(facts.generation.to_string()),
        ("tag", None) => facts.tag.map(str::to_owned).ok_or_else(|| Wrong::NoTag(pattern())),
        _ => Err(Wrong::Unknown { pattern: pattern(), name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn filled(pattern: &str, tag: Option<&str>) -> Result<String, String> {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4)).parse().unwrap();
        let now =
            "2026-03-04T05:06:07Z".parse::<jiff::Timestamp>().unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let facts = Facts { digest: &digest, generation: 7, tag, now };
        fill(pattern, &facts).map(|tag| tag.to_string()).map_err(|wrong| wrong.to_string())
    }

    #[rstest]
    #[case("stable", "stable")]
    #[case("latest-{digest:12}", "latest-0123456789ab")]
    #[case("{short}", "0123456789ab")]
    #[case("{digest}", &"0123456789abcdef".repeat(4))]
    #[case("{date}", "2026-03-04")]
    #[case("r{date:%Y%m%d}-{time}", "r20260304-050607")]
    #[case("{time:%H%M}", "0506")]
    #[case("{tag}-{generation}", "latest-7")]
    fn a_pattern_makes_a_tag(#[case] pattern: &str, #[case] tag: &str) {
        assert_eq!(filled(pattern, Some("latest")).as_deref(), Ok(tag));
    }

    #[rstest]
    #[case::unknown(
        "a-{commit}",
        r#""a-{commit}" has {commit}, which is not filled in; known are {digest}, "#
    )]
    #[case::detail_of_what_has_none("{tag:3}", "has {tag:3}, which is not filled in")]
    #[case::open("a{date", "has a brace without its other half")]
    #[case::closed("a}", "has a brace without its other half")]
    #[case::within_another("{date{tag}}", "has {date{tag}, which is not filled in")]
    #[case::no_length("{digest:}", r#"takes 1 to 64 characters of the digest, and not """#)]
    #[case::nothing("{digest:0}", "takes 1 to 64")]
    #[case::too_long("{digest:65}", "takes 1 to 64")]
    #[case::no_format("{date:%!}", "is no format of a date or a time")]
    #[case::no_tag("-{short}", "is no tag: it has letters")]
    #[case::a_time_with_colons("{time:%T}", "is no tag: it has letters")]
    #[case::empty("", "is no tag")]
    #[case::too_much("{digest}{digest}{digest}", "is no tag")]
    fn a_pattern_that_makes_none_is_refused(#[case] pattern: &str, #[case] why: &str) {
        let wrong = filled(pattern, Some("latest")).unwrap_err();
        assert!(wrong.contains(why), "{wrong}");
    }

    #[test]
    fn what_came_without_a_tag_has_none_to_fill_in() {
        assert!(filled("{tag}", None).unwrap_err().contains("without a tag"));
    }
}
