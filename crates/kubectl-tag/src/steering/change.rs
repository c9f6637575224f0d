//! One change to a Tag: a merge patch of the few fields that a command is about.

use jiff::Timestamp;
use serde_json::{Value, json};
use tagger_api::Tag;
use tagger_api::annotations::IMPORT;
use tagger_core::reference::Digest;
use tagger_core::request::Request;

use super::step::Step;

/// What a command changes of a Tag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// What it is for.
    pub(crate) step: Step,
    /// The fields of the specification; null takes one out.
    pub(crate) spec: Value,
    /// A request to the operator, in the annotation for it.
    pub(crate) request: Option<Request>,
}

impl Change {
    /// The change that takes a step.
    pub(crate) fn of(step: Step, tag: &Tag) -> Self {
        let spec = match step {
            // One that follows keeps naming none: nothing in its manifest moves.
            Step::Import(_) if tag.spec.generation.is_none() => json!({}),
            Step::Import(number) | Step::Select(number) | Step::Pin(number) => {
                json!({ "generation": number })
            }
            Step::Follow => json!({ "generation": null }),
            Step::Suspend => json!({ "suspend": true }),
            Step::Resume => json!({ "suspend": null }),
        };
        let request = match step {
            Step::Import(generation) => Some(Request { generation, digest: None, at: None }),
            _ => None,
        };
        Self { step, spec, request }
    }

    /// The same change with the image that the generation is to be, which is in the cache already.
    #[must_use]
    pub(crate) fn of_upload(self, digest: &Digest) -> Self {
        let request = self.request.map(|request| Request { digest: Some(digest.clone()), ..request });
        Self { request, ..self }
    }

    /// Whether the Tag is so already, so that nothing needs to be sent.
    pub(crate) fn is_made(&self, tag: &Tag) -> bool {
        let named = |number| tag.spec.generation == Some(number);
        match self.step {
            // Asked for once more, what failed is tried again at once.
            Step::Import(_) => false,
            Step::Select(number) | Step::Pin(number) => named(number),
            Step::Follow => tag.spec.generation.is_none(),
            Step::Suspend => tag.spec.is_suspended(),
            Step::Resume => !tag.spec.is_suspended(),
        }
    }

    /// The merge patch (RFC 7386), sent at this moment.
    pub(crate) fn patch(&self, now: Timestamp) -> Value {
        let mut patch = json!({});
        if let Some(request) = &self.request {
            let request = json!(Request { at: Some(now), ..request.clone() });
            patch["metadata"]["annotations"] = json!({ IMPORT: request.to_string() });
        }
        if self.spec != json!({}) {
            patch["spec"] = self.spec.clone();
        }
        patch
    }

    /// The names of the fields of the specification that change.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.spec.as_object().into_iter().flat_map(|fields| fields.keys().map(String::as_str))
    }
}

/// Merges a patch into an object, as the server does (RFC 7386).
pub(crate) fn merge(object: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (name, value) in fields {
        match value {
            Value::Null => drop(object.as_object_mut().and_then(|object| object.remove(name))),
            value => merge(&mut object[name], value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steering::example::tag;
    use rstest::rstest;

    #[test]
    fn an_import_of_a_tag_that_follows_leaves_its_specification_alone() {
        let now = Timestamp::UNIX_EPOCH;
        let asked = json!({ "annotations": { IMPORT: r#"{"at":"1970-01-01T00:00:00Z","generation":3}"# } });
        let follows = Change::of(Step::Import(3), &tag(json!({}), Some(2), &[2]));
        assert_eq!(follows.patch(now), json!({ "metadata": asked }));
        let numbered = Change::of(Step::Import(3), &tag(json!({ "generation": 2 }), Some(2), &[2]));
        assert_eq!(numbered.patch(now), json!({ "metadata": asked, "spec": { "generation": 3 } }));
    }

    #[rstest]
    #[case::pinned(json!({ "generation": 2 }), Step::Pin(2), true)]
    #[case::pinned_elsewhere(json!({ "generation": 1 }), Step::Pin(2), false)]
    #[case::at_it_but_not_naming_it(json!({}), Step::Pin(2), false)]
    #[case::following(json!({}), Step::Follow, true)]
    #[case::suspended(json!({ "suspend": true }), Step::Suspend, true)]
    #[case::never_suspended(json!({}), Step::Resume, true)]
    #[case::said_to_go_on(json!({ "suspend": false }), Step::Resume, true)]
    #[case::to_be_resumed(json!({ "suspend": true }), Step::Resume, false)]
    #[case::not_asked_for(json!({ "generation": 3 }), Step::Import(3), false)]
    fn a_change_that_is_made_is_known(#[case] spec: Value, #[case] step: Step, #[case] made: bool) {
        let tag = tag(spec, Some(2), &[2, 1]);
        assert_eq!(Change::of(step, &tag).is_made(&tag), made);
    }

    #[test]
    fn a_patch_is_merged_as_the_server_does() {
        let mut object = json!({ "spec": { "from": "a", "generation": 2 }, "kept": [1] });
        merge(&mut object, &json!({ "spec": { "generation": null, "suspend": true }, "new": { "b": 1 } }));
        assert_eq!(
            object,
            json!({ "spec": { "from": "a", "suspend": true }, "kept": [1], "new": { "b": 1 } })
        );
    }
}
