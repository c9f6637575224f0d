//! What a request is answered: allowed as it stands, allowed with changes, or refused.

use serde::Serialize;
use tagger_core::shown::on_one_line;

use crate::patch::Operation;

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The object may be written, with these changes.
    Allowed {
        /// What is changed; nothing, for an object that is left as it is.
        patch: Vec<Operation>,
        /// Sentences for whoever wrote the object.
        warnings: Vec<String>,
    },
    /// The object may not be written.
    Refused(Refusal),
}

impl Answer {
    /// The answer that leaves an object as it is.
    pub const UNTOUCHED: Self = Self::Allowed { patch: Vec::new(), warnings: Vec::new() };
}

/// Why an object may not be written: the part of a Kubernetes `Status` that is ours to fill in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The HTTP status that the API server is to answer with.
    pub code: u16,
    /// One word for machines, as Kubernetes has them.
    pub reason: &'static str,
    /// A sentence for people, with what to do next.
    pub message: String,
    /// Which fields are wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

/// Which fields of which object are wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Details {
    /// The object's name.
    pub name: String,
    /// The object's API group.
    pub group: &'static str,
    /// The object's kind.
    pub kind: &'static str,
    /// One entry a problem.
    pub causes: Vec<Cause>,
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// One word for machines, as Kubernetes has them.
    pub reason: &'static str,
    /// What is wrong with the field.
    pub message: String,
    /// The path of the field.
    pub field: String,
}

/// Sentences quote what was sent, and nobody has looked at that yet: this webhook comes before the checks of the API server.
impl Refusal {
    /// A refusal because of what is asked for, or of what there is at the moment.
    pub fn forbidden(message: String) -> Self {
        Self { code: 403, reason: "Forbidden", message: on_one_line(&message), details: None }
    }

    /// A refusal because of the values of some fields, in the form that `kubectl` shows one field a line.
    pub fn invalid(name: &str, mut causes: Vec<Cause>) -> Self {
        for cause in &mut causes {
            (cause.message, cause.field) = (on_one_line(&cause.message), on_one_line(&cause.field));
        }
        let told: Vec<String> =
            causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let details = Details { name: name.to_owned(), group: "images.io", kind: "Tag", causes };
        Self { code: 422, reason: "Invalid", message: told.join("; "), details: Some(details) }
    }
}
