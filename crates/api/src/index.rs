//! What admission and roll-outs know of the Tags: for each its current reference, in memory.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use tagger_core::rewrite::Known;
use tokio::sync::watch;

/// The current reference of every Tag of the cluster, as a watch told of them last.
///
/// Reading never waits for anything but another reader or writer of a few nanoseconds; it asks nobody. What it says may be
/// a moment old: that is why only containers that newly name a Tag are answered from it.
#[derive(Debug)]
pub struct TagIndex {
    namespaces: RwLock<HashMap<Arc<str>, Names>>,
    changes: watch::Sender<u64>,
    listed: watch::Sender<bool>,
}

/// The Tags of a namespace: the reference of each, or none while it has no generation.
type Names = HashMap<Box<str>, Option<Box<str>>>;

/// The Tags of one namespace at one moment.
#[derive(Debug)]
pub struct Tags<'a>(Option<&'a Names>);

impl<'a> Tags<'a> {
    /// What is known of the Tag with this name.
    pub fn known(&self, name: &str) -> Known<'a> {
        match self.0.and_then(|names| names.get(name)) {
            None => Known::Unknown,
            Some(None) => Known::Pending,
            Some(Some(reference)) => Known::Current(reference),
        }
    }
}

impl Default for TagIndex {
    fn default() -> Self {
        Self {
            namespaces: RwLock::default(),
            changes: watch::Sender::new(0),
            listed: watch::Sender::new(false),
        }
    }
}

impl TagIndex {
    /// Notes what the watch told of a Tag: its current reference, or that it has none yet. Says whether that is news.
    pub fn set(&self, namespace: &str, name: &str, reference: Option<&str>) -> bool {
        let reference: Option<Box<str>> = reference.map(Into::into);
        let news = {
            let mut namespaces = self.namespaces.write().unwrap_or_else(PoisonError::into_inner);
            let names = match namespaces.get_mut(namespace) {
                Some(names) => names,
                None => namespaces.entry(namespace.into()).or_default(),
            };
            match names.get_mut(name) {
                Some(known) if *known == reference => false,
                Some(known) => {
                    *known = reference;
                    true
                }
                None => names.insert(name.into(), reference).is_none(),
            }
        };
        if news {
            self.changes.send_modify(|count| *count += 1);
        }
        news
    }

    /// Notes that a Tag is gone.
    pub fn remove(&self, namespace: &str, name: &str) {
        let mut namespaces = self.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = namespaces.get_mut(namespace) {
            names.remove(name);
            if names.is_empty() {
                namespaces.remove(namespace);
            }
        }
    }

    /// Notes that a watch began anew with these Tags and no others. From the first time on, the index is whole.
    pub fn retain(&self, keep: impl Fn(&str, &str) -> bool) {
        let mut namespaces = self.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        namespaces.retain(|namespace, names| {
            names.retain(|name, _| keep(namespace, name));
            !names.is_empty()
        });
        drop(namespaces);
        self.listed.send_replace(true);
    }

    /// Resolves when the index is whole: until then, a Tag that it does not know may well be there.
    pub fn whole(&self) -> impl Future<Output = ()> + use<> {
        let mut listed = self.listed.subscribe();
        async move {
            // The sender lives in the index; when that is gone, nobody is left who asks.
            let _ = listed.wait_for(|listed| *listed).await;
        }
    }

    /// Reads the Tags of one namespace, all from the same moment.
    pub fn read<T>(&self, namespace: &str, reader: impl FnOnce(&Tags<'_>) -> T) -> T {
        let namespaces = self.namespaces.read().unwrap_or_else(PoisonError::into_inner);
        reader(&Tags(namespaces.get(namespace)))
    }

    /// Resolves when anything was noted after this call.
    pub fn next_change(&self) -> impl Future<Output = ()> + use<> {
        let mut changes = self.changes.subscribe();
        async move {
            // The sender lives in the index; when that is gone, nobody is left who waits for news.
            let _ = changes.changed().await;
        }
    }

    /// How many Tags there are.
    pub fn len(&self) -> usize {
        let namespaces = self.namespaces.read().unwrap_or_else(PoisonError::into_inner);
        namespaces.values().map(HashMap::len).sum()
    }

    /// Whether there is no Tag.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn known(index: &TagIndex, namespace: &str, name: &str) -> String {
        index.read(namespace, |tags| format!("{:?}", tags.known(name)))
    }

    #[test]
    fn it_knows_what_it_was_told_and_by_namespace() {
        let index = TagIndex::default();
        assert!(index.set("dev", "myapp", None));
        assert_eq!(known(&index, "dev", "myapp"), "Pending");
        assert!(index.set("dev", "myapp", Some("a@b")));
        assert!(!index.set("dev", "myapp", Some("a@b")), "the same again is no news");
        assert_eq!(known(&index, "dev", "myapp"), "Current(\"a@b\")");
        assert_eq!(known(&index, "prod", "myapp"), "Unknown");
        index.remove("dev", "myapp");
        assert_eq!(known(&index, "dev", "myapp"), "Unknown");
        assert!(index.is_empty());
    }

    #[test]
    fn a_watch_that_begins_anew_drops_what_is_gone() {
        let index = TagIndex::default();
        index.set("dev", "old", None);
        index.set("dev", "new", None);
        index.retain(|_, name| name == "new");
        assert_eq!(index.len(), 1);
        assert_eq!(known(&index, "dev", "old"), "Unknown");
    }

    #[tokio::test]
    async fn it_is_whole_after_the_first_list() {
        let index = TagIndex::default();
        index.set("dev", "myapp", None);
        assert!(index.whole().now_or_never().is_none());
        index.retain(|_, _| true);
        index.whole().await;
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_the_next_change() {
        let index = TagIndex::default();
        let next = index.next_change();
        index.set("dev", "myapp", None);
        next.await;
    }
}
