//! What people and Tagger write on workloads, and `kubectl tag` on Tags.

use std::collections::BTreeMap;

use tagger_core::request::Request;
use tagger_core::rewrite::Follows;

/// People set this on a workload whose images name Tags: `"true"` or `"strict"`.
pub const IMAGE_TAG: &str = "image-tag";

/// The webhook keeps the record here: which container follows which Tag, and the image written for it. JSON.
pub const FOLLOWS: &str = "images.io/follows";

/// A roll-out asks for references here: the Tags it moves and the reference to write for each. JSON. Only an update whose
/// field manager is [`FIELD_MANAGER`] is heard.
pub const ROLLOUT: &str = "images.io/rollout";

/// `kubectl tag` asks for a generation here, on the Tag: a [`Request`], as JSON.
pub const IMPORT: &str = "images.io/import";

/// A replica that doesn't lead notes here, on the Tag, that a registry told of a push: when, as text. The leader takes it away when it
/// has looked.
pub const PUSHED: &str = "images.io/pushed";

/// The field manager of everything that Tagger writes.
pub const FIELD_MANAGER: &str = "tagger";

/// Why what was asked for can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{{\"generation\": 3}} asks for generation 3, and {{\"generation\": 3, \"digest\": \"sha256:…\"}} for it to be that image of the cache: {0}"
)]
pub struct RequestProblem(String);

/// How far a workload has its images governed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Images that name a Tag are rewritten, others are left alone.
    Tags,
    /// Images that are neither a Tag nor a reference with a registry are refused.
    Strict,
}

/// The references that a roll-out brings, by the name of the Tag.
pub type Targets = BTreeMap<String, String>;

impl Mode {
    /// The mode of a workload with these annotations, or none where Tagger has no business with it.
    pub fn of(annotations: Option<&BTreeMap<String, String>>) -> Option<Self> {
        match annotations?.get(IMAGE_TAG)?.as_str() {
            "true" => Some(Self::Tags),
            "strict" => Some(Self::Strict),
            _ => None,
        }
    }
}

/// The record that a workload bears. One that can't be read counts as none: its containers then have the images they have.
pub fn follows(annotations: Option<&BTreeMap<String, String>>) -> Follows {
    read(annotations, FOLLOWS)
}

/// The references that a roll-out asked for.
pub fn targets(annotations: Option<&BTreeMap<String, String>>) -> Targets {
    read(annotations, ROLLOUT)
}

/// What a Tag with these annotations is asked for, if anything.
pub fn request(annotations: Option<&BTreeMap<String, String>>) -> Option<Result<Request, RequestProblem>> {
    let text = annotations?.get(IMPORT)?;
    let request = match serde_json::from_str::<Request>(text) {
        Ok(request) if request.generation >= 0 => Ok(request),
        Ok(_) => Err(RequestProblem("no generation is below 0".to_owned())),
        // It quotes what somebody wrote.
        Err(error) => {
            Err(RequestProblem(error.to_string().chars().take(200).flat_map(char::escape_debug).collect()))
        }
    };
    Some(request)
}

fn read<T: serde::de::DeserializeOwned + Default>(
    annotations: Option<&BTreeMap<String, String>>,
    name: &str,
) -> T {
    let text = annotations.and_then(|annotations| annotations.get(name));
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(r#"{"generation":3}"#, Request { generation: 3, digest: None, at: None })]
    #[case(r#" { "generation": 0, "digest": null } "#, Request { generation: 0, digest: None, at: None })]
    #[case(
        r#"{"generation":3,"at":"1970-01-01T00:00:00Z"}"#,
        Request { generation: 3, digest: None, at: Some(jiff::Timestamp::UNIX_EPOCH) }
    )]
    fn what_a_person_asks_for_is_read(#[case] text: &str, #[case] expected: Request) {
        assert_eq!(request(Some(&annotated(IMPORT, text))), Some(Ok(expected.clone())));
        let text = serde_json::to_string(&expected).unwrap();
        assert_eq!(request(Some(&annotated(IMPORT, &text))), Some(Ok(expected)));
    }

    #[rstest]
    #[case("", "EOF")]
    #[case("3", "expected struct")]
    #[case("{}", "missing field `generation`")]
    #[case(r#"{"generation":"3"}"#, "invalid type")]
    #[case(r#"{"generation":-1}"#, "below 0")]
    #[case(r#"{"generation":3,"digset":"sha256:00"}"#, "unknown field")]
    #[case(r#"{"generation":3,"digest":"sha256:00"}"#, "digest")]
    #[case("{\"generation\":3,\"a\u{7}\\n\":1}", "")]
    fn what_can_not_be_read_says_what_is_right(#[case] text: &str, #[case] because: &str) {
        let problem = request(Some(&annotated(IMPORT, text))).unwrap().unwrap_err().to_string();
        assert!(problem.contains(because), "{problem}");
        assert!(problem.starts_with(r#"{"generation": 3} asks for"#), "{problem}");
        assert!(!problem.contains(char::is_control), "{problem:?}");
    }

    #[test]
    fn a_tag_is_asked_for_nothing_by_other_annotations() {
        assert_eq!(request(Some(&annotated("images.io/other", "{}"))), None);
        assert_eq!(request(None), None);
    }

    fn annotated(name: &str, value: &str) -> BTreeMap<String, String> {
        [(name.to_owned(), value.to_owned())].into()
    }

    #[test]
    fn only_the_two_values_count() {
        assert_eq!(Mode::of(Some(&annotated(IMAGE_TAG, "true"))), Some(Mode::Tags));
        assert_eq!(Mode::of(Some(&annotated(IMAGE_TAG, "strict"))), Some(Mode::Strict));
        assert_eq!(Mode::of(Some(&annotated(IMAGE_TAG, "false"))), None);
        assert_eq!(Mode::of(None), None);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_none() {
        assert!(follows(Some(&annotated(FOLLOWS, "{not json"))).is_empty());
        assert_eq!(follows(Some(&annotated(FOLLOWS, r#"{"app":{"tag":"a","image":"b"}}"#)))["app"].tag, "a");
    }
}
