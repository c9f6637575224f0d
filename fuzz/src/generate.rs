//! `kubectl tag generate --rewrite`: the whole input is a file of manifests.

use kubectl_tag::fuzzing::rewritten;

/// What is rewritten can be read and stays as it is when it is rewritten again; what can't be is told in a line.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match rewritten(text) {
        Ok(once) => {
            // A name for each image and an annotation for each object, and nothing that multiplies.
            assert!(once.len() <= 4096 + 16 * text.len(), "{} bytes of {}", once.len(), text.len());
            assert_eq!(rewritten(&once).as_ref(), Ok(&once), "rewriting twice");
        }
        Err(told) => assert!(!told.is_empty()),
    }
}
