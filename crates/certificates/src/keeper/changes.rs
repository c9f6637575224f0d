//! Tells when the Secret or a registration was written, so that damage is mended sooner than at the next look.

use futures::stream::{BoxStream, SelectAll, select_all};
use futures::{FutureExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};

use crate::injection::Webhooks;
use crate::secret;

/// The changes of the three objects. Losing the watch loses no more than time: everything is looked at now and then.
pub struct Changes(SelectAll<BoxStream<'static, ()>>);

impl Changes {
    /// Forgets the changes that are known of already: whoever looks now sees them.
    pub fn forget(&mut self) {
        while self.0.next().now_or_never().is_some_and(|change| change.is_some()) {}
    }

    /// Resolves at the next change, and never once the watches have ended.
    pub async fn next(&mut self) {
        if self.0.next().await.is_none() {
            std::future::pending().await
        }
    }
}

/// Begins to watch the Secret and both registrations, each by its name alone.
pub fn watch(client: &Client, namespace: &str, webhooks: &Webhooks) -> Changes {
    let Webhooks { mutating, validating } = webhooks;
    Changes(select_all([
        changes(Api::<PartialObjectMeta<Secret>>::namespaced(client.clone(), namespace), secret::NAME),
        of(client, mutating),
        of(client, validating),
    ]))
}

fn of<K>(client: &Client, object: &K) -> BoxStream<'static, ()>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + 'static,
{
    changes(
        Api::<PartialObjectMeta<K>>::all(client.clone()),
        object.meta().name.as_deref().unwrap_or_default(),
    )
}

fn changes<K>(api: Api<PartialObjectMeta<K>>, name: &str) -> BoxStream<'static, ()>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + 'static,
{
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    watcher(api, config)
        .default_backoff()
        .inspect_err(|error| tracing::debug!(%error, kind = %K::kind(&()), "a watch broke off"))
        .filter_map(async |event| match event {
            Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone) => Some(()),
            _ => None,
        })
        .boxed()
}
