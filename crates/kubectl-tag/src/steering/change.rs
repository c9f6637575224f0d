//! One change to a Tag: a merge patch of the few fields that a command is about.

use serde_json::{Value, json};
use tagger_api::Tag;
use tagger_api::annotations::IMPORT;

use super::step::Step;

/// What a command changes of a Tag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// What it is for.
    pub(crate) step: Step,
    /// The fields of the specification; null takes one out.
    pub(crate) spec: Value,
    /// A request to the operator, in the annotation for it.
    pub(crate) request: Option<Value>,
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
            Step::Import(number) => Some(json!({ "generation": number })),
            _ => None,
        };
        Self { step, spec, request }
    }

    /// Whether the Tag is so already, so that nothing needs to be sent.
    pub(crate) fn is_made(&self, tag: &Tag) -> bool {
        let named = |number| tag.spec.generation == Some(number);
        let asked = || {
            let annotation = tag.metadata.annotations.as_ref().and_then(|all| all.get(IMPORT));
            annotation.and_then(|text| serde_json::from_str(text).ok())
        };
        match self.step {
            Step::Import(number) => {
                (tag.spec.generation.is_none() || named(number)) && asked() == self.request
            }
            Step::Select(number) | Step::Pin(number) => named(number),
            Step::Follow => tag.spec.generation.is_none(),
            Step::Suspend => tag.spec.is_suspended(),
            Step::Resume => !tag.spec.is_suspended(),
        }
    }

    /// The merge patch (RFC 7386).
    pub(crate) fn patch(&self) -> Value {
        let mut patch = json!({});
        if let Some(request) = &self.request {
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
        let asked = json!({ "annotations": { IMPORT: r#"{"generation":3}"# } });
        let follows = Change::of(Step::Import(3), &tag(json!({}), Some(2), &[2]));
        assert_eq!(follows.patch(), json!({ "metadata": asked }));
        let numbered = Change::of(Step::Import(3), &tag(json!({ "generation": 2 }), Some(2), &[2]));
        assert_eq!(numbered.patch(), json!({ "metadata": asked, "spec": { "generation": 3 } }));
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
    fn what_was_asked_for_is_not_asked_for_again() {
        let mut asked = tag(json!({}), Some(2), &[2]);
        let change = Change::of(Step::Import(3), &asked);
        assert!(!change.is_made(&asked));
        asked.metadata.annotations = Some([(IMPORT.to_owned(), r#"{ "generation": 3 }"#.to_owned())].into());
        assert!(change.is_made(&asked));
        assert!(!Change::of(Step::Import(4), &asked).is_made(&asked));
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
