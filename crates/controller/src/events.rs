//! Events: what Tagger did, told on the object that it did it to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tagger_api::annotations::FIELD_MANAGER;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::metrics::Metrics;

/// How many Events may wait to be written. More are dropped: an Event is told if it can be, and never waited for.
const WAITING: usize = 1024;
/// How many Events are written at once.
const WRITERS: usize = 4;
/// How long one may take. Those behind it wait.
const LONGEST: Duration = Duration::from_secs(10);
/// How much of an object's name an Event's own name begins with: with the rest of it, that may have 253 characters.
const LONGEST_NAME: usize = 200;
/// The longest note that the API takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Tells Events without making whoever tells them wait.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: mpsc::Sender<Event>,
    instance: Arc<str>,
    count: Arc<AtomicU64>,
    metrics: Metrics,
}

/// Whether an Event is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Normal,
    Warning,
}

impl Events {
    /// Makes a teller, and the task that writes what it tells. The task ends when the last teller is dropped.
    pub(crate) fn new(
        client: Client,
        instance: &str,
        metrics: Metrics,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let events =
            Self { sender, instance: instance.into(), count: Arc::default(), metrics: metrics.clone() };
        (events, write(client, receiver, metrics))
    }

    /// Tells an Event: `reason` is one word for machines, `action` one for what was done, `note` a sentence for people.
    pub(crate) fn tell(
        &self,
        on: ObjectReference,
        tone: Tone,
        reason: &str,
        action: &'static str,
        mut note: String,
    ) {
        note.truncate(note.floor_char_boundary(LONGEST_NOTE));
        let now = Timestamp::now();
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let name = on.name.as_deref().unwrap_or("tagger");
        let name = name[..name.floor_char_boundary(LONGEST_NAME)].trim_end_matches(['-', '.']);
        let name = format!("{name}.{:x}.{count:x}", now.as_microsecond());
        let event = Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: on.namespace.clone(),
                ..ObjectMeta::default()
            },
            action: Some(action.to_owned()),
            event_time: Some(MicroTime(now)),
            note: Some(note),
            reason: Some(reason.to_owned()),
            regarding: Some(on),
            reporting_controller: Some("images.io/tagger".to_owned()),
            reporting_instance: Some(self.instance.to_string()),
            type_: Some(if tone == Tone::Normal { "Normal" } else { "Warning" }.to_owned()),
            ..Event::default()
        };
        if self.sender.try_send(event).is_err() {
            self.metrics.event(tone == Tone::Normal, "dropped");
            tracing::debug!(reason, "too many Events wait to be written; one was dropped");
        }
    }
}

async fn write(client: Client, receiver: mpsc::Receiver<Event>, metrics: Metrics) {
    let events =
        futures::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    events
        .for_each_concurrent(WRITERS, |event| {
            let namespace = event.metadata.namespace.clone().unwrap_or_default();
            let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
            let (params, metrics) = (&params, &metrics);
            async move {
                let is_normal = event.type_.as_deref() == Some("Normal");
                match timeout(LONGEST, api.create(params, &event)).await {
                    Ok(Ok(_)) => metrics.event(is_normal, "written"),
                    Ok(Err(error)) => {
                        metrics.event(is_normal, "refused");
                        tracing::debug!(%error, reason = event.reason, "an Event could not be written");
                    }
                    Err(_) => {
                        metrics.event(is_normal, "refused");
                        tracing::debug!(reason = event.reason, "an Event took too long to be written");
                    }
                }
            }
        })
        .await;
}
