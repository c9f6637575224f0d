//! Hints that reach a replica that doesn't lead: told to the one that does through the API server, on the Tags that are meant.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tagger_api::Tag;
use tagger_api::annotations::{FIELD_MANAGER, PUSHED};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// How many Tags are written to at once.
const WRITERS: usize = 8;

/// How long a burst is gathered: so often a Tag is written to at most.
const BURST: Duration = Duration::from_millis(200);

/// How often a Tag is tried, and how long one try may take.
const TRIES: u32 = 5;
const LONGEST: Duration = Duration::from_secs(5);

/// The Tags that are still to be told of a push.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    /// By uid, where the Tag is.
    waiting: Mutex<HashMap<String, Address>>,
    news: Notify,
}

#[derive(Clone, Debug)]
struct Address {
    namespace: String,
    name: String,
}

impl Relay {
    /// Has a Tag be told of a push. It is told once of all that come while it waits.
    pub(crate) fn tell(&self, tag: &Tag) {
        let address = Address { namespace: tag.namespace().unwrap_or_default(), name: tag.name_any() };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(tag.metadata.uid.clone().unwrap_or_default(), address);
        self.news.notify_one();
    }

    /// Tells Tags of pushes, for as long as it is let.
    pub(crate) async fn run(&self, client: &Client) {
        loop {
            self.news.notified().await;
            self.flush(client).await;
            sleep(BURST).await;
        }
    }

    /// Tells the Tags that wait.
    pub(crate) async fn flush(&self, client: &Client) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        futures::stream::iter(waiting)
            .for_each_concurrent(WRITERS, |(uid, address)| write(client, uid, address))
            .await;
    }
}

async fn write(client: &Client, uid: String, Address { namespace, name }: Address) {
    let api: Api<Tag> = Api::namespaced(client.clone(), &namespace);
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let mut pause = Duration::from_millis(200);
    for tried in 1.. {
        // Another text each time, so that the leader sees what came while it looked.
        let told = Timestamp::now().to_string();
        let patch = Patch::Merge(json!({ "metadata": { "uid": uid, "annotations": { PUSHED: told } } }));
        let problem = match timeout(LONGEST, api.patch_metadata(&name, &params, &patch)).await {
            Ok(Ok(_)) => return,
            // It is gone, or is another one by the same name.
            Ok(Err(kube::Error::Api(refused))) if refused.is_not_found() || refused.is_conflict() => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {LONGEST:?}"),
        };
        if tried == TRIES {
            tracing::warn!(
                namespace,
                name,
                problem,
                "the leader could not be told of a push; a poll will find it, where the Tag polls"
            );
            return;
        }
        sleep(pause).await;
        pause *= 2;
    }
}
