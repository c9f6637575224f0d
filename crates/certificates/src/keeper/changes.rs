//! Tells when what is looked at was written, so that damage is mended, and news are taken, sooner than at the next look.

use std::path::Path;
use std::time::Duration;

use futures::stream::{self, BoxStream, SelectAll, select_all};
use futures::{FutureExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::injection::Webhooks;
use crate::mounted::Files;
use crate::secret;

/// How often the files of a certificate from outside are read. A mounted Secret is swapped by a link in its folder, on file
/// systems that do not all tell of it.
const LOOK: Duration = Duration::from_secs(1);

/// The changes of the registrations, and of where certificates come from. Losing the watch loses no more than time: everything is looked at now and then.
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

/// Begins to watch both registrations, each by its name alone, and whatever else is given.
pub fn watch(client: &Client, webhooks: &Webhooks, source: BoxStream<'static, ()>) -> Changes {
    let Webhooks { mutating, validating } = webhooks;
    Changes(select_all([source, of(client, mutating), of(client, validating)]))
}

/// The changes of the Secret with the authority.
pub fn of_secret(client: &Client, namespace: &str) -> BoxStream<'static, ()> {
    changes(Api::<PartialObjectMeta<Secret>>::namespaced(client.clone(), namespace), secret::NAME)
}

/// The changes of a folder with a certificate.
pub fn of_folder(folder: &Path) -> BoxStream<'static, ()> {
    let begin = (folder.to_owned(), None);
    let looks = stream::unfold(begin, async |(folder, before)| {
        loop {
            sleep(LOOK).await;
            let now = files(&folder).await;
            // The first look has nothing to differ from.
            match &before {
                Some(before) if *before != now => return Some(((), (folder, Some(now)))),
                Some(_) => {}
                None => return Some(((), (folder, Some(now)))),
            }
        }
    });
    looks.boxed()
}

/// What a folder holds, if it can be read.
async fn files(folder: &Path) -> Option<Files> {
    let folder = folder.to_owned();
    spawn_blocking(move || Files::read(&folder).ok()).await.ok().flatten()
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
