//! Which Tags are suspended: nothing is rolled out for them.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// The suspended Tags, by namespace and name. Few are, so they are kept apart from the index of all.
#[derive(Debug, Default)]
pub(crate) struct Suspended(RwLock<HashSet<(String, String)>>);

impl Suspended {
    /// Notes whether a Tag is suspended. Says whether that is news.
    pub(crate) fn set(&self, namespace: &str, name: &str, suspended: bool) -> bool {
        let tag = (namespace.to_owned(), name.to_owned());
        let mut tags = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if suspended { tags.insert(tag) } else { tags.remove(&tag) }
    }

    /// Whether a Tag is suspended.
    pub(crate) fn contains(&self, namespace: &str, name: &str) -> bool {
        let tags = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !tags.is_empty() && tags.contains(&(namespace.to_owned(), name.to_owned()))
    }
}
