//! What people ask for with `kubectl tag`, on the Tag itself.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::{Resource, ResourceExt};
use tagger_api::Tag;
use tagger_api::annotations::{self, IMPORT};
use tagger_core::request::Request;

use super::context::{Context, uid};
use crate::events::Tone;

/// Which requests were seen, by the uid of their Tag: their text, hashed. The memory is lost with the process; then what can't be read
/// is told once more.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<HashMap<String, u64>>);

impl Requests {
    /// Notes what a Tag is asked for. Says whether it is something, and something else than before.
    fn is_news(&self, uid: &str, text: Option<&str>) -> bool {
        let Some(text) = text else {
            self.forget(uid);
            return false;
        };
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let seen = hasher.finish();
        self.lock().insert(uid.to_owned(), seen) != Some(seen)
    }

    /// Forgets a Tag that is gone, or is asked for nothing.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// Forgets all Tags but these.
    pub(crate) fn retain(&self, uids: &HashSet<String>) {
        self.lock().retain(|uid, _| uids.contains(uid));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// What a person asks of a Tag. What is new is tried at once, and what was seen before it was asked for does not count.
    pub(super) fn request(&self, tag: &Tag) -> Option<Request> {
        let annotations = tag.metadata.annotations.as_ref();
        let text = annotations.and_then(|annotations| annotations.get(IMPORT));
        let is_news = self.requests.is_news(uid(tag), text.map(String::as_str));
        match annotations::request(annotations)? {
            Ok(request) => {
                if is_news {
                    self.looks.done(uid(tag));
                    self.retries.forget(uid(tag));
                }
                Some(request)
            }
            Err(problem) => {
                if is_news {
                    let name = tag.name_any();
                    let note = format!(
                        "the annotation {IMPORT} is ignored, since it can't be read; ask again with kubectl tag import {name}, or remove it with kubectl annotate tag {name} {IMPORT}-. {problem}"
                    );
                    self.events.tell(tag.object_ref(&()), Tone::Warning, "InvalidRequest", "Import", note);
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_news_once() {
        let requests = Requests::default();
        assert!(!requests.is_news("uid", None));
        assert!(requests.is_news("uid", Some("a")));
        assert!(!requests.is_news("uid", Some("a")));
        assert!(requests.is_news("uid", Some("b")));
        assert!(!requests.is_news("uid", None));
        assert!(requests.is_news("uid", Some("b")));
        requests.retain(&HashSet::new());
        assert!(requests.is_news("uid", Some("b")));
    }
}
