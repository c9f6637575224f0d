//! Manifests, as a registry sends them. The input is a line with the content type, and the document.

use std::collections::BTreeSet;

use serde_json::Value;
use tagger_registry::fuzzing::{Outline, manifest};

use crate::{assert_harmless, head_and_body};

/// The most entries of a list in a manifest.
const MOST: usize = 10_000;

/// What is believed of a manifest stands in it, is bounded, and is not two things at once.
pub fn check(input: &[u8]) {
    let (content_type, document) = head_and_body(input);
    let outline = match manifest(document, Some(content_type)) {
        Ok(outline) => outline,
        Err(fault) => return assert_harmless(&fault.to_string(), 0),
    };
    let Outline { media_type, children, blobs } = outline;
    assert!(media_type.len() <= 255 && media_type.is_ascii() && !media_type.contains([' ', ';', '\n']));
    assert!(children.len() <= MOST && blobs.len() <= 2 * MOST + 1);
    assert_eq!(children.iter().collect::<BTreeSet<_>>().len(), children.len());
    assert_eq!(blobs.iter().map(|(digest, _)| digest).collect::<BTreeSet<_>>().len(), blobs.len());
    assert!(blobs.is_sorted_by(|(_, one), (_, other)| one >= other));
    let text = String::from_utf8_lossy(document);
    for digest in children.iter().chain(blobs.iter().map(|(digest, _)| digest)) {
        // An escape would do as well in JSON.
        assert!(text.contains(digest.as_str()) || text.contains('\\'), "{digest} is not in the document");
        assert!(!digest.as_str().contains(['/', '.']), "{digest}");
    }
    if let Ok(Value::Object(fields)) = serde_json::from_slice(document) {
        let has = |list: &str| fields.get(list).is_some_and(Value::is_array);
        assert!(!(has("manifests") && has("layers")), "it is an index and an image at once");
    }
}
