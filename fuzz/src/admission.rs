//! The AdmissionReview: the whole input is the body of a request to the webhook.

use serde_json::Value;
use tagger_admission::answer::Answer;
use tagger_admission::review::{Request, Review};
use tagger_admission::workload::Workload;
use tagger_admission::{mutate, standstill, validate};
use tagger_api::index::TagIndex;

use crate::assert_harmless;

/// Where the webhook may change an object beside its images.
const OWN: [&str; 2] = ["/metadata/annotations/images.io~1follows", "/metadata/managedFields"];

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Only images and the record change; the patch can be applied, and asking about what came of it changes nothing more.
pub fn check(input: &[u8]) {
    let review = match Review::read(input) {
        Ok(review) => review,
        Err(error) => {
            let told = error.to_string();
            assert!(told.len() <= 1024 + 10 * input.len());
            return;
        }
    };
    let judged = validate::judge(&review.request);
    assert!(matches!(&judged, Answer::Refused(_)) || judged == Answer::UNTOUCHED, "a Tag is never changed");
    written(&review, &judged, input);
    let index = index(review.request.namespace.as_deref().unwrap_or_default());
    let Some(answer) = answer(&review.request, &index) else { return };
    written(&review, &answer, input);
    if let Some(patched) = patched(&review.request, &answer) {
        again(&review.request, &patched, &index);
    }
}

/// Three Tags: one with a generation, one without, and one that is called as an image is.
fn index(namespace: &str) -> TagIndex {
    let index = TagIndex::default();
    index.set(namespace, "myapp", Some(&format!("quay.io/company/myapp@{DIGEST}")));
    index.set(namespace, "waits", None);
    index.set(namespace, "nginx", Some(&format!("cache.example.com/dev/nginx@{DIGEST}")));
    index.retain(|_, _| true);
    index
}

fn answer(request: &Request<'_>, index: &TagIndex) -> Option<Answer> {
    let workload = Workload::of(request, "tagger-system")?;
    let verdict = index.read(&workload.namespace, |tags| mutate::judge(&workload, tags));
    Some(standstill::without_trace(request, verdict.answer))
}

/// The answer is an AdmissionReview for the same question, and not much longer than that.
fn written(review: &Review<'_>, answer: &Answer, input: &[u8]) {
    let told = match answer {
        Answer::Allowed { warnings, .. } => warnings.as_slice(),
        Answer::Refused(refusal) => std::slice::from_ref(&refusal.message),
    };
    told.iter().for_each(|told| assert_harmless(told, 8 * input.len()));
    let Ok(body) = review.answer(answer) else { panic!("an answer can't be written") };
    assert!(body.len() <= 16 * 1024 + 16 * input.len(), "{} bytes for {}", body.len(), input.len());
    let Ok(read) = serde_json::from_slice::<Value>(&body) else { panic!("an answer is no JSON") };
    assert_eq!(read["response"]["uid"].as_str(), Some(review.request.uid.as_ref()));
}

/// The object as it is then; none where it is left as it is.
fn patched(request: &Request<'_>, answer: &Answer) -> Option<Value> {
    let Answer::Allowed { patch, .. } = answer else { return None };
    let patch = serde_json::to_value(patch)
        .ok()
        .filter(|patch| patch.as_array().is_some_and(|all| !all.is_empty()))?;
    for operation in patch.as_array().into_iter().flatten() {
        let path = operation["path"].as_str().unwrap_or_default();
        let is_image = path.ends_with("/image") || path.ends_with("/image/reference");
        assert!(
            OWN.contains(&path) || (is_image && path.starts_with("/spec/") && operation["op"] == "replace"),
            "{operation}"
        );
    }
    let mut object: Value = serde_json::from_str(request.object?.get()).ok()?;
    let patch: json_patch::Patch = serde_json::from_value(patch).ok()?;
    if let Err(error) = json_patch::patch(&mut object, &patch) {
        panic!("the patch can't be applied: {error}");
    }
    Some(object)
}

/// The API server asks again when another webhook changed the object after us.
fn again(request: &Request<'_>, object: &Value, index: &TagIndex) {
    let object = serde_json::value::to_raw_value(object).ok();
    let second = Request {
        uid: "again".into(),
        kind: tagger_admission::review::GroupKind {
            group: request.kind.group.as_ref().into(),
            kind: request.kind.kind.as_ref().into(),
        },
        sub_resource: None,
        name: request.name.as_deref().map(Into::into),
        namespace: request.namespace.as_deref().map(Into::into),
        operation: request.operation,
        object: object.as_deref(),
        old_object: request.old_object,
        options: None,
    };
    // A touch of the roll-out brings its references along, and is told by its manager.
    if request.options.as_ref().is_some_and(|options| options.field_manager.as_deref() == Some("tagger")) {
        return;
    }
    if let Some(answer) = answer(&second, index) {
        assert!(matches!(&answer, Answer::Allowed { patch, .. } if patch.is_empty()), "{answer:?}");
    }
}
