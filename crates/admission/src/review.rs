//! The AdmissionReview, `admission.k8s.io/v1` and `v1beta1`: what the API server asks, and how it is answered.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::answer::{Answer, Refusal};

/// The only kind that a webhook is sent.
const KIND: &str = "AdmissionReview";

/// Why a body is no AdmissionReview. Each is answered with 400.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// There is no body.
    #[error("the body is empty; send an AdmissionReview of admission.k8s.io/v1 as JSON")]
    Empty,
    /// The body is no JSON at all.
    #[error("the body is not JSON: {0}; send an AdmissionReview of admission.k8s.io/v1")]
    NotJson(serde_json::Error),
    /// The body is JSON of another shape.
    #[error("the body has not the shape of an AdmissionReview: {0}")]
    Shape(serde_json::Error),
    /// The body is another kind of object.
    #[error("the body is of kind {0:?}; send an {KIND}")]
    Kind(String),
    /// The AdmissionReview is of a version that is not known.
    #[error("the {KIND} is of version {0:?}; send admission.k8s.io/v1 or admission.k8s.io/v1beta1")]
    Version(String),
    /// The AdmissionReview asks nothing.
    #[error("the {KIND} has no request; fill in the field request")]
    NoRequest,
    /// The answer could not be told apart from others.
    #[error("the request has no uid; fill in the field request.uid")]
    NoUid,
}

/// A version of the API, answered in kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `admission.k8s.io/v1`
    V1,
    /// `admission.k8s.io/v1beta1`
    V1beta1,
}

impl Version {
    const fn name(self) -> &'static str {
        match self {
            Self::V1 => "admission.k8s.io/v1",
            Self::V1beta1 => "admission.k8s.io/v1beta1",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::V1, Self::V1beta1].into_iter().find(|version| version.name() == name)
    }
}

/// A question of the API server. It borrows from the body that it came in.
#[derive(Debug)]
pub struct Review<'a> {
    /// The version to answer in.
    pub version: Version,
    /// What is asked.
    pub request: Request<'a>,
}

/// The write that the API server asks about.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    /// What the answer must repeat.
    #[serde(borrow, default)]
    pub uid: Cow<'a, str>,
    /// The kind of the object, in the version that the webhook asked for.
    #[serde(borrow, default)]
    pub kind: GroupKind<'a>,
    /// The part of the object that is written, such as `scale`; empty for all of it.
    #[serde(borrow, default)]
    pub sub_resource: Option<Cow<'a, str>>,
    /// The name of the object; empty where the API server is still to make one.
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    /// The namespace of the object.
    #[serde(borrow, default)]
    pub namespace: Option<Cow<'a, str>>,
    /// What is done to the object.
    #[serde(default)]
    pub operation: Verb,
    /// The object as it is to be.
    #[serde(borrow, default)]
    pub object: Option<&'a RawValue>,
    /// The object as it was.
    #[serde(borrow, default)]
    pub old_object: Option<&'a RawValue>,
    /// How the write was asked for.
    #[serde(borrow, default)]
    pub options: Option<Options<'a>>,
}

/// A kind of object, whatever its version.
#[derive(Debug, Default, Deserialize)]
pub struct GroupKind<'a> {
    /// The API group; empty for the core one.
    #[serde(borrow, default)]
    pub group: Cow<'a, str>,
    /// The kind.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
}

/// How a write was asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options<'a> {
    /// The name under which the writer owns fields.
    #[serde(borrow, default)]
    pub field_manager: Option<Cow<'a, str>>,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// Anything else, which is none of a webhook's business here.
    #[default]
    #[serde(other)]
    Other,
}

impl<'a> Review<'a> {
    /// Reads a body.
    pub fn read(body: &'a [u8]) -> Result<Self, ReviewError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Envelope<'a> {
            #[serde(borrow, default)]
            api_version: Cow<'a, str>,
            #[serde(borrow, default)]
            kind: Cow<'a, str>,
            #[serde(borrow, default)]
            request: Option<Request<'a>>,
        }
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(ReviewError::Empty);
        }
        let envelope: Envelope = serde_json::from_slice(body).map_err(|error| match error.is_data() {
            true => ReviewError::Shape(error),
            false => ReviewError::NotJson(error),
        })?;
        if envelope.kind != KIND {
            return Err(ReviewError::Kind(envelope.kind.into_owned()));
        }
        let Some(version) = Version::named(&envelope.api_version) else {
            return Err(ReviewError::Version(envelope.api_version.into_owned()));
        };
        let request = envelope.request.ok_or(ReviewError::NoRequest)?;
        match request.uid.is_empty() {
            true => Err(ReviewError::NoUid),
            false => Ok(Self { version, request }),
        }
    }

    /// Writes the body of the answer.
    pub fn answer(&self, answer: &Answer) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Envelope<'a> {
            api_version: &'static str,
            kind: &'static str,
            response: Response<'a>,
        }
        let response = Response::to(&self.request.uid, answer)?;
        serde_json::to_vec(&Envelope { api_version: self.version.name(), kind: KIND, response })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a Refusal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

impl<'a> Response<'a> {
    fn to(uid: &'a str, answer: &'a Answer) -> Result<Self, serde_json::Error> {
        let mut response =
            Self { uid, allowed: true, status: None, patch: None, patch_type: None, warnings: &[] };
        match answer {
            Answer::Allowed { patch, warnings } => {
                response.warnings = warnings;
                if !patch.is_empty() {
                    response.patch = Some(STANDARD.encode(serde_json::to_vec(patch)?));
                    response.patch_type = Some("JSONPatch");
                }
            }
            Answer::Refused(refusal) => {
                response.allowed = false;
                response.status = Some(refusal);
            }
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
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
}
