//! Which workloads of one kind follow or name which Tag.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use kube::ResourceExt;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;
use tagger_api::workload::Kind;
use tokio::sync::mpsc;

use super::object::{Served, Workload};

/// The annotated workloads of one kind, by the Tags that they follow or name.
#[derive(Clone)]
pub(crate) struct Index {
    served: Served,
    store: Store<Workload>,
    followers: Arc<Mutex<Followers>>,
    wakes: mpsc::UnboundedSender<ObjectRef<Workload>>,
}

type Followers = HashMap<(String, String), HashSet<ObjectRef<Workload>>>;

impl Index {
    /// An index over a store, and where it asks for workloads to be looked at.
    pub(crate) fn new(
        served: Served,
        store: Store<Workload>,
    ) -> (Self, mpsc::UnboundedReceiver<ObjectRef<Workload>>) {
        let (wakes, woken) = mpsc::unbounded_channel();
        (Self { served, store, followers: Arc::default(), wakes }, woken)
    }

    /// Asks for every workload to be looked at that follows or names this Tag.
    pub(crate) fn wake(&self, namespace: &str, tag: &str) {
        let followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tag = followers.get(&(namespace.to_owned(), tag.to_owned()));
        for workload in of_tag.into_iter().flatten() {
            // Nobody listens only while everything is being shut down.
            let _ = self.wakes.send(workload.clone());
        }
    }

    /// The images of the namespace's workloads, or of all; none before the first list of them is there, which is not the same as an
    /// empty one.
    pub(crate) fn images_of(&self, namespace: Option<&str>) -> Option<Vec<String>> {
        // The store keeps no waiters: asking once tells whether it has been filled.
        self.store.wait_until_ready().now_or_never()?.ok()?;
        let here = self.store.state_filter(|workload| {
            namespace.is_none_or(|namespace| workload.namespace().as_deref() == Some(namespace))
        });
        Some(here.iter().flat_map(|workload| workload.slots.iter().map(|slot| slot.image.clone())).collect())
    }

    /// The kind of these workloads.
    pub(crate) fn kind(&self) -> Kind {
        self.served.kind
    }

    /// How many workloads there are, and how many of them follow a Tag.
    pub(crate) fn numbers(&self) -> [u64; 2] {
        let all = self.store.state();
        let attached = all.iter().filter(|workload| workload.is_attached()).count();
        [all.len() as u64, attached as u64]
    }

    /// The workload as it was before an event that is not in the store yet.
    pub(crate) fn before(&self, workload: &Workload) -> Option<Arc<Workload>> {
        self.store.get(&ObjectRef::from_obj_with(workload, self.served))
    }

    /// Notes what the watch tells, before it is in the store.
    pub(crate) fn note(&self, event: &Event<Workload>) {
        match event {
            // All of them are told anew, and looked at.
            Event::Init => self.followers.lock().unwrap_or_else(PoisonError::into_inner).clear(),
            Event::InitDone => {}
            Event::Apply(workload) | Event::InitApply(workload) => {
                self.unlink(workload);
                self.link(workload);
            }
            Event::Delete(workload) => self.unlink(workload),
        }
    }

    fn link(&self, workload: &Workload) {
        let namespace = workload.namespace().unwrap_or_default();
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        for tag in workload.tags() {
            let of_tag = followers.entry((namespace.clone(), tag)).or_default();
            of_tag.insert(ObjectRef::from_obj_with(workload, self.served));
        }
    }

    fn unlink(&self, workload: &Workload) {
        let Some(before) = self.before(workload) else { return };
        let namespace = before.namespace().unwrap_or_default();
        let reference = ObjectRef::from_obj_with(workload, self.served);
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        for tag in before.tags() {
            let key = (namespace.clone(), tag);
            if let Some(of_tag) = followers.get_mut(&key) {
                of_tag.remove(&reference);
                if of_tag.is_empty() {
                    followers.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::reflector::store::Writer;

    #[test]
    fn no_workloads_yet_is_not_the_same_as_no_workloads() {
        let served = Served { kind: Kind::Deployment, version: "v1" };
        let mut writer = Writer::new(served);
        let (index, _woken) = Index::new(served, writer.as_reader());
        let deployment = serde_json::json!({
            "metadata": {"name": "web", "namespace": "dev"},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "quay.io/a/b:1"}]}}},
        });
        for event in [Event::Init, Event::InitApply(serde_json::from_value(deployment).unwrap())] {
            writer.apply_watcher_event(&event);
            assert_eq!(index.images_of(None), None);
        }
        writer.apply_watcher_event(&Event::InitDone);
        assert_eq!(index.images_of(Some("dev")), Some(vec!["quay.io/a/b:1".to_owned()]));
        assert_eq!(index.images_of(Some("other")), Some(vec![]));
    }
}
