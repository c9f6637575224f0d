//! The Secret of what registries authenticate with, watched: a new value counts from the next notification on.

use std::pin::pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Error, watch_object};
use kube::{Api, Client};
use tagger_receiver::secrets::Secrets;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The watch, which ends when this is dropped.
pub(super) struct Watching(JoinHandle<()>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to watch the Secret of this name. It may be missing.
pub(super) fn watch(
    client: Client,
    namespace: &str,
    name: &str,
) -> (Watching, watch::Receiver<Arc<Secrets>>) {
    let (told, secrets) = watch::channel(Arc::new(Secrets::unread()));
    let api = Api::<Secret>::namespaced(client, namespace);
    let events = watch_object(api, name).default_backoff();
    (Watching(tokio::spawn(follow(events, name.to_owned(), told))), secrets)
}

/// What was known last counts on while the API server is away.
async fn follow(
    events: impl Stream<Item = Result<Option<Secret>, Error>>,
    name: String,
    told: watch::Sender<Arc<Secrets>>,
) {
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(secret) => {
                told.send_replace(Arc::new(read(&name, secret)));
            }
            Err(error) => {
                tracing::warn!(%error, secret = name, "the Secret for push notifications can't be read; it is tried again");
            }
        }
    }
}

fn read(name: &str, secret: Option<Secret>) -> Secrets {
    let data = secret.and_then(|secret| secret.data).unwrap_or_default();
    let (secrets, flaws) = Secrets::read(data.iter().map(|(key, value)| (key.as_str(), value.0.as_slice())));
    for flaw in flaws {
        tracing::warn!(secret = name, "{flaw}");
    }
    let providers: Vec<&str> = data.keys().map(String::as_str).collect();
    tracing::info!(secret = name, ?providers, "the Secret for push notifications was read");
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use k8s_openapi::ByteString;
    use tagger_receiver::Provider;
    use tagger_receiver::secrets::Door;

    fn secret(key: &str) -> Secret {
        let value = ByteString(b"0123456789abcdef".to_vec());
        Secret { data: Some([(key.to_owned(), value)].into()), ..Secret::default() }
    }

    #[tokio::test]
    async fn the_last_that_was_told_counts_and_a_broken_watch_changes_nothing() {
        let (told, secrets) = watch::channel(Arc::new(Secrets::unread()));
        let is_locked = |provider| matches!(secrets.borrow().door(provider, false), Door::Secret(_));
        follow(stream::iter([Ok(Some(secret("quay")))]), "tagger-receiver".into(), told.clone()).await;
        assert!(is_locked(Provider::Quay));
        let changed = [Ok(Some(secret("zot"))), Err(Error::NoResourceVersion)];
        follow(stream::iter(changed), "tagger-receiver".into(), told.clone()).await;
        assert!(is_locked(Provider::Zot) && !is_locked(Provider::Quay));
        follow(stream::iter([Ok(None)]), "tagger-receiver".into(), told).await;
        assert!(matches!(secrets.borrow().door(Provider::Zot, false), Door::Closed), "it was deleted");
    }
}
