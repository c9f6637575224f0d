//! A watch that is kept in a store, and when its objects are to be looked at.

use std::collections::HashSet;
use std::future::ready;

use futures::{Stream, StreamExt};
use kube::Resource;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{Error, Event};
use tokio::sync::mpsc;

/// Keeps a watch in a store. Gives the objects that change one by one, and a sign whenever all were told anew.
///
/// The first list is in the store only when its last page is there. Its objects are therefore not given as they come: a look at one
/// of them would be a look at the store before. The sign comes when the store has them all.
pub(crate) fn kept<K>(
    events: impl Stream<Item = Result<Event<K>, Error>> + Send + 'static,
    writer: Writer<K>,
    kind: K::DynamicType,
) -> (impl Stream<Item = Result<K, Error>> + Send + 'static, impl Stream<Item = ()> + Send + 'static)
where
    K: Resource + Clone + PartialEq + Send + Sync + 'static,
    K::DynamicType: Eq + std::hash::Hash + Clone + Send + Sync,
{
    let (sign, mut signs) = mpsc::unbounded_channel();
    let mut shelf = Shelf { writer, kind, is_filled: false, told: HashSet::new(), sign };
    let changed = events.filter_map(move |event| ready(event.map(|event| shelf.note(event)).transpose()));
    (changed, futures::stream::poll_fn(move |task| signs.poll_recv(task)))
}

/// The store of a watch, and how far a list of it is.
struct Shelf<K: Resource + Clone + 'static>
where
    K::DynamicType: Eq + std::hash::Hash + Clone,
{
    writer: Writer<K>,
    kind: K::DynamicType,
    /// Whether the store has a whole list. Another one is noted as what it changed, or the store would hold both until its last page.
    is_filled: bool,
    /// What is in such a list, so far.
    told: HashSet<ObjectRef<K>>,
    sign: mpsc::UnboundedSender<()>,
}

impl<K> Shelf<K>
where
    K: Resource + Clone + PartialEq + 'static,
    K::DynamicType: Eq + std::hash::Hash + Clone,
{
    /// Notes an event in the store. Gives the object that changed.
    fn note(&mut self, event: Event<K>) -> Option<K> {
        match event {
            Event::Init if self.is_filled => self.told.clear(),
            Event::InitApply(object) if self.is_filled => {
                let reference = self.reference(&object);
                let is_known = self.writer.as_reader().get(&reference).is_some_and(|known| *known == object);
                self.told.insert(reference);
                return if is_known { None } else { self.note(Event::Apply(object)) };
            }
            Event::InitDone if self.is_filled => {
                let told = std::mem::take(&mut self.told);
                for known in self.writer.as_reader().state() {
                    if !told.contains(&self.reference(&known)) {
                        self.writer.apply_watcher_event(&Event::Delete(K::clone(&known)));
                    }
                }
                self.all_are_told();
            }
            event => {
                self.writer.apply_watcher_event(&event);
                match event {
                    Event::Apply(object) => return Some(object),
                    Event::InitDone => self.all_are_told(),
                    _ => {}
                }
            }
        }
        None
    }

    fn all_are_told(&mut self) {
        self.is_filled = true;
        // Nobody listens only while everything is being shut down.
        let _ = self.sign.send(());
    }

    fn reference(&self, object: &K) -> ObjectRef<K> {
        ObjectRef::from_obj_with(object, self.kind.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use kube::runtime::reflector;
    use kube::runtime::reflector::Store;

    fn object(name: &str, version: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.into());
        object.metadata.resource_version = Some(version.into());
        object
    }

    fn told(object: &ConfigMap) -> String {
        format!("{} {}", object.name_any(), object.resource_version().unwrap_or_default())
    }

    fn has(store: &Store<ConfigMap>) -> Vec<String> {
        let mut all: Vec<String> = store.state().iter().map(|object| told(object)).collect();
        all.sort();
        all
    }

    /// Each event, the object that it gives, and what the store has then.
    #[tokio::test]
    async fn a_list_is_noted_as_what_it_changed_and_the_first_one_as_a_whole() {
        let steps: [(Event<ConfigMap>, &str, &[&str]); 17] = [
            (Event::Init, "", &[]),
            (Event::InitApply(object("broken", "1")), "", &[]),
            // The first list broke, and begins anew.
            (Event::Init, "", &[]),
            (Event::InitApply(object("a", "2")), "", &[]),
            (Event::InitApply(object("b", "3")), "", &[]),
            (Event::InitApply(object("c", "4")), "", &[]),
            (Event::InitDone, "", &["a 2", "b 3", "c 4"]),
            (Event::Apply(object("a", "5")), "a 5", &["a 5", "b 3", "c 4"]),
            // The second one breaks as well.
            (Event::Init, "", &["a 5", "b 3", "c 4"]),
            (Event::InitApply(object("c", "4")), "", &["a 5", "b 3", "c 4"]),
            (Event::Init, "", &["a 5", "b 3", "c 4"]),
            (Event::InitApply(object("a", "5")), "", &["a 5", "b 3", "c 4"]),
            (Event::InitApply(object("b", "6")), "b 6", &["a 5", "b 6", "c 4"]),
            (Event::InitApply(object("d", "7")), "d 7", &["a 5", "b 6", "c 4", "d 7"]),
            (Event::InitDone, "", &["a 5", "b 6", "d 7"]),
            (Event::Delete(object("a", "8")), "", &["b 6", "d 7"]),
            (Event::Apply(object("c", "9")), "c 9", &["b 6", "c 9", "d 7"]),
        ];
        let (store, writer) = reflector::store();
        let (events, kept_events) = futures::channel::mpsc::unbounded();
        let (changed, signs) = kept(kept_events, writer, ());
        let (mut changed, mut signs) = (Box::pin(changed), Box::pin(signs));
        for (number, (event, given, stored)) in steps.into_iter().enumerate() {
            let ends_a_list = matches!(event, Event::InitDone);
            events.unbounded_send(Ok(event)).unwrap();
            let changed = futures::poll!(changed.next());
            let name = match changed {
                std::task::Poll::Ready(Some(object)) => told(&object.unwrap()),
                _ => String::new(),
            };
            assert_eq!(
                (name.as_str(), has(&store)),
                (given, stored.iter().map(|it| (*it).to_owned()).collect()),
                "{number}"
            );
            assert_eq!(futures::poll!(signs.next()).is_ready(), ends_a_list, "{number}");
        }
    }
}
