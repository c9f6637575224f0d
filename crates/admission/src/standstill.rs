//! An update that comes to nothing once its images are rewritten: it is to leave no trace at all.
//!
//! Applying an unchanged manifest asks for the Tag's name where the reference stands, so the API server notes the time of a
//! change in `managedFields`, and sorts the entries by it, before it asks us. We then put the reference back. Without us there
//! would have been no change, and no note: so the note goes too, and the API server sees that there is nothing to store.

use serde_json::Value;

use crate::answer::Answer;
use crate::patch::Operation;
use crate::review::Request;

/// The JSON pointer to the notes of who manages what.
const MANAGERS: &str = "/metadata/managedFields";

/// The answer, with the notes put back as they were where the update comes to nothing else.
pub fn without_trace(request: &Request<'_>, mut answer: Answer) -> Answer {
    if let Answer::Allowed { patch, .. } = &mut answer
        && let Some(managers) = managers_before(request, patch)
    {
        patch.push(Operation::ReplaceManagers { path: MANAGERS, value: managers });
    }
    answer
}

/// The notes as they were, if they and their times and order are all that the patched object would change.
fn managers_before(request: &Request<'_>, patch: &[Operation]) -> Option<Value> {
    // A record that changes is a change; so nothing is parsed for a workload that is new.
    if patch.is_empty() || !patch.iter().all(|operation| matches!(operation, Operation::Replace { .. })) {
        return None;
    }
    let mut new: Value = serde_json::from_str(request.object?.get()).ok()?;
    let mut old: Value = serde_json::from_str(request.old_object?.get()).ok()?;
    for operation in patch {
        if let Operation::Replace { path, value } = operation {
            *new.pointer_mut(path)? = Value::String(value.clone());
        }
    }
    let now = new.pointer_mut(MANAGERS)?.take();
    let before = old.pointer_mut(MANAGERS)?.take();
    (new == old && now != before && timeless(&now)? == timeless(&before)?).then_some(before)
}

/// The notes without their times, in an order that does not depend on them.
fn timeless(managers: &Value) -> Option<Vec<String>> {
    let mut entries = managers.as_array()?.clone();
    entries.iter_mut().filter_map(Value::as_object_mut).for_each(|entry| {
        entry.remove("time");
    });
    let mut entries: Vec<String> = entries.iter().map(Value::to_string).collect();
    entries.sort_unstable();
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::Review;
    use rstest::rstest;
    use serde_json::json;

    fn entry(manager: &str, time: u8) -> Value {
        json!({ "manager": manager, "time": format!("2026-01-01T00:00:0{time}Z"), "fieldsV1": { "f:spec": {} } })
    }

    fn object(image: &str, replicas: u8, managers: &[Value]) -> Value {
        json!({
            "metadata": { "name": "w", "managedFields": managers },
            "spec": { "replicas": replicas, "image": image },
        })
    }

    fn added(new: Value, old: Value, patch: Vec<Operation>) -> Option<Value> {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": { "uid": "u", "operation": "UPDATE", "object": new, "oldObject": old },
        });
        let body = review.to_string();
        let review = Review::read(body.as_bytes()).unwrap();
        let answer = without_trace(&review.request, Answer::Allowed { patch, warnings: Vec::new() });
        let Answer::Allowed { patch, .. } = answer else { panic!("it stays allowed") };
        patch.into_iter().find_map(|operation| match operation {
            Operation::ReplaceManagers { value, .. } => Some(value),
            _ => None,
        })
    }

    fn back() -> Operation {
        Operation::Replace { path: "/spec/image".into(), value: "reference".into() }
    }

    #[test]
    fn the_notes_go_back_where_only_their_times_and_order_changed() {
        let before = [entry("kubectl", 1), entry("controller", 2)];
        let after = [entry("controller", 2), entry("kubectl", 3)];
        let (new, old) = (object("tag", 1, &after), object("reference", 1, &before));
        assert_eq!(added(new, old, vec![back()]), Some(json!(before)));
    }

    #[rstest]
    #[case::something_else_changed(object("tag", 2, &[entry("kubectl", 3)]), vec![back()])]
    #[case::somebody_new_manages_fields(object("tag", 1, &[entry("kubectl", 1), entry("flux", 3)]), vec![back()])]
    #[case::the_image_moved(object("tag", 1, &[entry("kubectl", 3)]), vec![Operation::Replace { path: "/spec/image".into(), value: "newer".into() }])]
    #[case::the_record_changed(object("tag", 1, &[entry("kubectl", 3)]), vec![back(), Operation::Remove { path: "/metadata/x".into() }])]
    #[case::nothing_was_rewritten(object("reference", 1, &[entry("kubectl", 3)]), vec![])]
    #[case::nothing_was_noted(object("tag", 1, &[entry("kubectl", 1)]), vec![back()])]
    fn they_stay_as_the_api_server_has_them_otherwise(#[case] new: Value, #[case] patch: Vec<Operation>) {
        assert_eq!(added(new, object("reference", 1, &[entry("kubectl", 1)]), patch), None);
    }
}
