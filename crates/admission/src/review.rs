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

impl Request<'_> {
    /// What is logged and traced of this question belongs to this span. It is there whatever is logged, so that what goes wrong is
    /// found by its ids.
    pub(crate) fn span(&self, webhook: &'static str) -> tracing::Span {
        tracing::error_span!(
            "admission review",
            webhook,
            uid = &*self.uid,
            operation = ?self.operation,
            kind = &*self.kind.kind,
            namespace = self.namespace.as_deref(),
            name = self.name.as_deref(),
        )
    }
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
mod tests;
