//! Which Tags are refused when they are written: the rules of the schema, on servers that don't know them all.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tagger_api::validation::{Problem, generation_problem, problems};
use tagger_api::{TagSpec, TagStatus};

use crate::answer::{Answer, Cause, Refusal};
use crate::review::{Request, Verb};

/// Says whether a Tag may be written.
pub fn judge(request: &Request<'_>) -> Answer {
    match causes(request) {
        Some(causes) if !causes.is_empty() => Answer::Refused(Refusal::invalid(&name(request), causes)),
        _ => Answer::UNTOUCHED,
    }
}

/// All that is wrong with a Tag, or nothing where the request is none of ours.
fn causes(request: &Request<'_>) -> Option<Vec<Cause>> {
    let is_tag = (request.kind.group.as_ref(), request.kind.kind.as_ref()) == ("images.io", "Tag");
    let is_whole = request.sub_resource.as_deref().is_none_or(str::is_empty);
    if !is_tag || !is_whole || request.operation == Verb::Other {
        return None;
    }
    let object = Object::read(request.object?)?;
    let old = request.old_object.filter(|_| request.operation == Verb::Update).and_then(Object::read);
    if object.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let spec = match object.spec() {
        Ok(spec) => spec,
        Err(_) if old.as_ref().is_some_and(|old| old.spec_text() == object.spec_text()) => return None,
        Err(error) => return Some(vec![Cause::undecodable(&error)]),
    };
    if old.as_ref().is_some_and(|old| old.spec().is_ok_and(|old| old == spec)) {
        return None;
    }
    let status = old.and_then(|old| old.status());
    let mut found = problems(&spec);
    if found.iter().all(|problem| problem.field != "spec.generation") {
        found.extend(generation_problem(&spec, status.as_ref()));
    }
    Some(found.into_iter().map(Cause::from).collect())
}

fn name(request: &Request<'_>) -> String {
    let object = request.object.and_then(Object::read);
    let name = request.name.as_deref().filter(|name| !name.is_empty()).map(str::to_owned);
    name.or_else(|| object?.metadata.name).unwrap_or_default()
}

impl From<Problem> for Cause {
    fn from(problem: Problem) -> Self {
        Self { reason: "FieldValueInvalid", message: problem.message, field: problem.field.to_owned() }
    }
}

impl Cause {
    /// The decoder says what it stumbled over, and where.
    fn undecodable(error: &Undecodable) -> Self {
        let field = match error.path().to_string() {
            path if path == "." => "spec".to_owned(),
            path => format!("spec.{path}"),
        };
        let message = format!("{}; `kubectl explain tag.spec` shows the fields", error.inner());
        Self { reason: "FieldValueInvalid", message, field }
    }
}

/// Why a specification can't be decoded, and at which field.
type Undecodable = serde_path_to_error::Error<serde_json::Error>;

/// A Tag, of which each part is decoded for itself: one that can't be is no reason to say nothing of the others.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(default)]
    metadata: Metadata,
    #[serde(borrow, default)]
    spec: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    deletion_timestamp: Option<String>,
}

impl<'a> Object<'a> {
    fn read(object: &'a RawValue) -> Option<Self> {
        serde_json::from_str(object.get()).ok()
    }

    fn spec_text(&self) -> &'a str {
        self.spec.map_or("null", RawValue::get)
    }

    fn spec(&self) -> Result<TagSpec, Undecodable> {
        // By way of a value, whose errors say nothing of lines and columns that nobody sees.
        let spec: Value = serde_json::from_str(self.spec_text()).unwrap_or_default();
        serde_path_to_error::deserialize(spec)
    }

    fn status(&self) -> Option<TagStatus> {
        serde_json::from_str(self.status?.get()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn tag(spec: Value) -> Value {
        json!({
            "metadata": { "name": "myapp" },
            "spec": spec,
            "status": { "references": [
                { "generation": 1, "from": "quay.io/a/b", "importedAt": "2026-01-01T00:00:00Z", "imageReference": "" },
                { "generation": 0, "from": "quay.io/a/b", "importedAt": "2026-01-01T00:00:00Z", "imageReference": "" },
            ] },
        })
    }

    fn judged(operation: &str, object: Value, old: Value) -> Answer {
        let request = json!({
            "uid": "1",
            "kind": { "group": "images.io", "version": "v1", "kind": "Tag" },
            "operation": operation,
            "name": "myapp",
            "namespace": "dev",
            "object": object,
            "oldObject": old,
        });
        judge(&serde_json::from_str(&request.to_string()).unwrap())
    }

    fn refused(answer: Answer) -> Refusal {
        match answer {
            Answer::Refused(refusal) => refusal,
            other => panic!("{other:?} is no refusal"),
        }
    }

    #[rstest]
    #[case::a_right_one(json!({ "from": "quay.io/a/b:c" }), None)]
    #[case::one_that_begins_at_0(json!({ "from": "quay.io/a/b", "generation": 0 }), None)]
    #[case::one_that_begins_later(json!({ "from": "quay.io/a/b", "generation": 1 }), Some("spec.generation: generation must be one of: [0]"))]
    #[case::a_wrong_value(json!({ "from": "quay.io/a/b", "history": 51 }), Some("spec.history: must be from 1 to 50"))]
    #[case::a_negative_generation_once(json!({ "from": "quay.io/a/b", "generation": -1 }), Some("spec.generation: must be 0 or more"))]
    fn creating(#[case] spec: Value, #[case] message: Option<&str>) {
        let answer = judged("CREATE", tag(spec), json!(null));
        match message {
            None => assert_eq!(answer, Answer::UNTOUCHED),
            Some(message) => assert_eq!(refused(answer).message, message),
        }
    }

    #[rstest]
    #[case::to_one_that_is_there(json!(0), None)]
    #[case::to_the_next(json!(2), None)]
    #[case::to_one_beyond(json!(7), Some("spec.generation: generation must be one of: [2 1 0]"))]
    fn updating_the_generation(#[case] generation: Value, #[case] message: Option<&str>) {
        let old = tag(json!({ "from": "quay.io/a/b", "generation": 1 }));
        let mut new = tag(json!({ "from": "quay.io/a/b", "generation": generation }));
        new["status"] = json!({});
        let answer = judged("UPDATE", new, old);
        match message {
            None => assert_eq!(answer, Answer::UNTOUCHED),
            Some(message) => assert_eq!(refused(answer).message, message),
        }
    }

    #[test]
    fn every_problem_is_listed_with_its_field() {
        let spec = json!({ "from": "https://quay.io/a", "history": 0, "track": { "interval": "1s" } });
        let refusal = refused(judged("CREATE", tag(spec), json!(null)));
        assert_eq!((refusal.code, refusal.reason), (422, "Invalid"));
        let details = refusal.details.unwrap();
        assert_eq!((details.kind, details.group, details.name.as_str()), ("Tag", "images.io", "myapp"));
        let fields: Vec<&str> = details.causes.iter().map(|cause| cause.field.as_str()).collect();
        assert_eq!(fields, ["spec.from", "spec.history", "spec.track.interval"]);
        for cause in details.causes {
            assert!(refusal.message.contains(&format!("{}: {}", cause.field, cause.message)));
        }
    }

    #[rstest]
    #[case::a_number_for_a_text(json!({ "from": 5 }), "spec.from: invalid type: integer `5`, expected a string")]
    #[case::a_text_for_a_number(json!({ "from": "a", "track": { "push": "yes" } }), "spec.track.push: invalid type: string")]
    #[case::no_from(json!({}), "spec: missing field `from`")]
    #[case::no_spec(json!(null), "spec: invalid type: null")]
    fn a_spec_that_cannot_be_read_is_refused_in_the_decoder_s_words(
        #[case] spec: Value,
        #[case] because: &str,
    ) {
        let message = refused(judged("CREATE", tag(spec), json!(null))).message;
        assert!(message.contains(because), "{message}");
    }

    #[rstest]
    #[case::whose_wrong_spec_is_as_it_was(tag(json!({ "from": "" })), tag(json!({ "from": "" })))]
    #[case::whose_unreadable_spec_is_as_it_was(tag(json!({ "from": 5 })), tag(json!({ "from": 5 })))]
    #[case::of_no_known_shape(json!(5), json!(null))]
    #[case::that_is_missing(json!(null), json!(null))]
    fn an_update_is_allowed_of_a_tag(#[case] object: Value, #[case] old: Value) {
        assert_eq!(judged("UPDATE", object, old), Answer::UNTOUCHED);
    }

    #[test]
    fn a_tag_that_is_being_deleted_may_lose_its_finalizers() {
        let mut object = tag(json!({ "from": "" }));
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(judged("UPDATE", object, tag(json!({ "from": "quay.io/a/b" }))), Answer::UNTOUCHED);
    }

    #[test]
    fn deleting_and_other_kinds_are_allowed() {
        assert_eq!(judged("DELETE", json!(null), tag(json!({ "from": "" }))), Answer::UNTOUCHED);
        let pod = json!({ "uid": "1", "kind": { "group": "", "kind": "Pod" }, "operation": "CREATE", "object": tag(json!({})) });
        assert_eq!(judge(&serde_json::from_str(&pod.to_string()).unwrap()), Answer::UNTOUCHED);
    }
}
