//! What people and Tagger write on workloads.

use std::collections::BTreeMap;

use tagger_core::rewrite::Follows;

/// People set this on a workload whose images name Tags: `"true"` or `"strict"`.
pub const IMAGE_TAG: &str = "image-tag";

/// The webhook keeps the record here: which container follows which Tag, and the image written for it. JSON.
pub const FOLLOWS: &str = "images.io/follows";

/// A roll-out asks for references here: the Tags it moves and the reference to write for each. JSON. Only an update whose
/// field manager is [`FIELD_MANAGER`] is heard.
pub const ROLLOUT: &str = "images.io/rollout";

/// A person asks here, on a Tag, for a generation to be made: JSON, `{"generation": 3}`.
pub const IMPORT: &str = "images.io/import";

/// The field manager of everything that Tagger writes.
pub const FIELD_MANAGER: &str = "tagger";

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
