//! A watch that is kept in a store, and when its objects are to be looked at.

use futures::future::ready;
use futures::{Stream, StreamExt};
use kube::Resource;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{Error, Event};
use tokio::sync::mpsc;

/// Keeps a watch in a store. Gives the objects that change one by one, and a sign whenever all were told anew.
///
/// A list of many pages is in the store only when its last page is there. Its objects are therefore not given as they come: a look at one
/// of them would be a look at the store before. The sign comes when the store has them all.
pub(crate) fn kept<K>(
    events: impl Stream<Item = Result<Event<K>, Error>> + Send + 'static,
    writer: Writer<K>,
) -> (impl Stream<Item = Result<K, Error>> + Send + 'static, impl Stream<Item = ()> + Send + 'static)
where
    K: Resource + Clone + Send + Sync + 'static,
    K::DynamicType: Eq + std::hash::Hash + Clone + Send + Sync,
{
    let (sign, mut signs) = mpsc::unbounded_channel();
    let changed = events
        .reflect(writer)
        .inspect(move |event| {
            if matches!(event, Ok(Event::InitDone)) {
                // Nobody listens only while everything is being shut down.
                let _ = sign.send(());
            }
        })
        .filter(|event| ready(!matches!(event, Ok(Event::InitApply(_)))))
        .applied_objects();
    (changed, futures::stream::poll_fn(move |task| signs.poll_recv(task)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use kube::runtime::reflector;
    use tokio_util::sync::CancellationToken;

    fn object(name: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.into());
        object
    }

    #[tokio::test]
    async fn what_a_second_list_tells_is_looked_at_when_the_store_has_it() {
        let (store, writer) = reflector::store();
        let last_page = CancellationToken::new();
        let wait = last_page.clone();
        let first = [Event::Init, Event::InitApply(object("old")), Event::InitDone];
        let second = [Event::Init, Event::InitApply(object("new"))];
        let events = futures::stream::iter(first.into_iter().chain(second))
            .chain(futures::stream::once(async move {
                wait.cancelled().await;
                Event::InitDone
            }))
            .chain(futures::stream::iter([Event::Apply(object("later"))]))
            .map(Ok);
        let (changed, mut signs) = kept(events, writer);
        let changed = tokio::spawn(changed.map(|object| object.unwrap().name_any()).collect::<Vec<_>>());
        let names = || store.state().iter().map(|object| object.name_any()).collect::<Vec<_>>();
        signs.next().await.unwrap();
        assert_eq!(names(), ["old"]);
        last_page.cancel();
        signs.next().await.unwrap();
        assert!(names().contains(&"new".to_owned()));
        assert_eq!(changed.await.unwrap(), ["later"]);
    }
}
