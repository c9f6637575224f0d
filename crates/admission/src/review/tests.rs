use super::*;
use crate::patch::Operation;
use rstest::rstest;
use serde_json::{Value, json};

fn review(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1-2-3",
            "kind": { "group": "apps", "version": "v1", "kind": "Deployment" },
            "operation": "CREATE",
            "namespace": "dev",
            "object": { "metadata": { "name": "a" } },
            "oldObject": null,
            "options": { "fieldManager": "kubectl" },
        },
    });
    change(&mut review);
    serde_json::to_vec(&review).unwrap()
}

#[rstest]
#[case::an_empty_body(b"".to_vec(), "the body is empty")]
#[case::a_body_of_blanks(b" \n".to_vec(), "the body is empty")]
#[case::a_body_that_is_not_json(b"hello".to_vec(), "not JSON")]
#[case::a_body_that_ends_too_early(b"{\"kind\":".to_vec(), "not JSON")]
#[case::bytes_that_are_no_text(b"{\"kind\":\"\xff\"}".to_vec(), "not JSON")]
#[case::json_of_another_shape(b"5".to_vec(), "shape of an AdmissionReview")]
#[case::another_kind(review(|review| review["kind"] = json!("Pod")), "\"Pod\"")]
#[case::no_kind(b"{}".to_vec(), "kind \"\"")]
#[case::another_version(review(|review| review["apiVersion"] = json!("admission.k8s.io/v2")), "admission.k8s.io/v2")]
#[case::no_request(review(|review| review["request"] = json!(null)), "no request")]
#[case::an_answer_instead_of_a_request(review(|review| { review.as_object_mut().unwrap().remove("request"); }), "no request")]
#[case::no_uid(review(|review| { review["request"].as_object_mut().unwrap().remove("uid"); }), "no uid")]
#[case::an_empty_uid(review(|review| review["request"]["uid"] = json!("")), "no uid")]
fn a_bad_body_is_told_what_is_wrong_with_it(#[case] body: Vec<u8>, #[case] because: &str) {
    let error = Review::read(&body).unwrap_err().to_string();
    assert!(error.contains(because), "{error}");
}

#[test]
fn a_request_is_read_as_it_was_sent() {
    let body = review(|_| {});
    let review = Review::read(&body).unwrap();
    let request = &review.request;
    assert_eq!((request.operation, request.kind.kind.as_ref()), (Verb::Create, "Deployment"));
    assert_eq!(request.object.unwrap().get(), r#"{"metadata":{"name":"a"}}"#);
    assert!(request.old_object.is_none());
    assert_eq!(request.options.as_ref().unwrap().field_manager.as_deref(), Some("kubectl"));
}

#[rstest]
#[case("DELETE")]
#[case("CONNECT")]
#[case("DANCE")]
fn other_operations_are_no_error(#[case] operation: &str) {
    let body = review(|review| review["request"]["operation"] = json!(operation));
    assert_eq!(Review::read(&body).unwrap().request.operation, Verb::Other);
}

fn answered(body: &[u8], answer: &Answer) -> Value {
    serde_json::from_slice(&Review::read(body).unwrap().answer(answer).unwrap()).unwrap()
}

#[rstest]
#[case("admission.k8s.io/v1")]
#[case("admission.k8s.io/v1beta1")]
fn an_answer_is_of_the_version_that_asked(#[case] version: &str) {
    let body = review(|review| review["apiVersion"] = json!(version));
    let expected = json!({
        "apiVersion": version,
        "kind": "AdmissionReview",
        "response": { "uid": "1-2-3", "allowed": true },
    });
    assert_eq!(answered(&body, &Answer::UNTOUCHED), expected);
}

#[test]
fn a_patch_travels_as_base64_with_its_type() {
    let patch = vec![Operation::Remove { path: "/a".into() }];
    let answer = Answer::Allowed { patch, warnings: vec!["Mind.".into()] };
    let response = answered(&review(|_| {}), &answer)["response"].take();
    assert_eq!(response["patchType"], "JSONPatch");
    let patch = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    assert_eq!(patch, br#"[{"op":"remove","path":"/a"}]"#);
    assert_eq!(response["warnings"], json!(["Mind."]));
}

#[test]
fn a_refusal_is_a_status() {
    let answer = Answer::Refused(Refusal::forbidden("No.".into()));
    let response = answered(&review(|_| {}), &answer)["response"].take();
    assert_eq!(response["allowed"], false);
    assert_eq!(response["status"], json!({ "code": 403, "reason": "Forbidden", "message": "No." }));
}
