//! References to images, as people, manifests and notifications write them.

use tagger_core::reference::{Digest, Reference, Registry, Repository, TagName};

use crate::assert_harmless;

/// What parses prints so that it parses again to the same; what does not is told in a line.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match text.parse::<Reference>() {
        Ok(reference) => {
            let printed = reference.to_string();
            assert_eq!(printed.parse::<Reference>().as_ref(), Ok(&reference), "{printed}");
            assert!(printed.is_ascii() && printed.len() <= Reference::MAX_LENGTH);
            parts(&reference);
        }
        Err(error) => assert_harmless(&error.to_string(), text.len()),
    }
}

/// What a reference is made of is safe in a URL, and means the same alone.
fn parts(reference: &Reference) {
    let path = reference.repository().as_str();
    assert_eq!(path.parse::<Repository>().as_ref(), Ok(reference.repository()));
    assert!(path.split('/').all(|part| !part.is_empty() && !part.starts_with('.')), "{path}");
    for text in reference.tag().map(TagName::as_str).into_iter().chain(reference.digest().map(Digest::as_str))
    {
        assert!(!text.contains(['/', '?', '#', '%', '\\']) && !text.starts_with('.'), "{text}");
    }
    if let Some(registry) = reference.registry() {
        assert_eq!(registry.to_string().parse::<Registry>().as_ref(), Ok(registry));
        assert!(!registry.to_string().contains(['/', '?', '#', '@', '\\']), "{registry}");
        assert_eq!(reference.at(registry), *reference);
    }
}
