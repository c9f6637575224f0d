//! What was told already: the same thing is not told at each import.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use tagger_api::Tag;

/// By uid of a Tag, a hash of what was told on it last. Lost with the process; then it is told once more.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<String, u64>>);

impl Told {
    /// Whether this is other than what was told on a Tag last. Nothing to tell is never news, and what comes again after it is.
    pub(super) fn is_news(&self, tag: &Tag, what: Option<&str>) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(what) = what else {
            told.remove(uid(tag));
            return false;
        };
        let mut hash = DefaultHasher::new();
        what.hash(&mut hash);
        let hash = hash.finish();
        told.insert(uid(tag).to_owned(), hash) != Some(hash)
    }

    /// Forgets a Tag that is gone.
    pub(super) fn forget(&self, tag: &Tag) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid(tag));
    }
}

fn uid(tag: &Tag) -> &str {
    tag.metadata.uid.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagger_api::TagSpec;

    #[test]
    fn a_thing_is_told_once_until_it_changes_or_is_mended_and_comes_again() {
        let (told, mut one) = (Told::default(), Tag::new("one", TagSpec::default()));
        one.metadata.uid = Some("1".into());
        let other = Tag::new("other", TagSpec::default());
        let news = [Some("a"), Some("a"), Some("b"), None, Some("b")].map(|what| told.is_news(&one, what));
        assert_eq!(news, [true, false, true, false, true]);
        assert!(told.is_news(&other, Some("b")), "each Tag is told");
        told.forget(&one);
        assert!(told.is_news(&one, Some("b")));
    }
}
