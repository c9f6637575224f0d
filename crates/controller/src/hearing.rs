//! What registries tell of pushes becomes hints for the Tags that are meant.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use kube::runtime::reflector::{ObjectRef, Store};
use tagger_api::Tag;
use tagger_core::reference::Reference;
use tokio::sync::{mpsc, watch};

use crate::matching::Repositories;
use crate::metrics::Metrics;
use crate::relay::Relay;
use crate::tags::context::Context;

/// Who listens, and whom it tells.
pub(crate) struct Ear {
    pub(crate) repositories: Arc<Repositories>,
    pub(crate) tags: Store<Tag>,
    /// Whether the store has all Tags. Its own way to tell has room for one who waits.
    pub(crate) stored: watch::Receiver<bool>,
    pub(crate) context: Arc<Context>,
    pub(crate) metrics: Metrics,
    /// Who tells the leader, where this process is not that.
    pub(crate) relay: Arc<Relay>,
    /// The Tags that are to be looked at.
    pub(crate) wake: mpsc::UnboundedSender<ObjectRef<Tag>>,
}

impl Ear {
    /// Listens until nobody tells anything any more. What comes before the Tags are known waits until they are.
    pub(crate) async fn listen(mut self, mut pushes: BoxStream<'static, Vec<Reference>>) {
        if self.stored.wait_for(|stored| *stored).await.is_err() {
            return;
        }
        while let Some(pushed) = pushes.next().await {
            for reference in &pushed {
                self.hear(reference);
                // Thousands may come at once, and each may mean many Tags.
                tokio::task::consume_budget().await;
            }
        }
    }

    fn hear(&self, pushed: &Reference) {
        let meant = self.repositories.meant(pushed, &self.tags, &self.context.registry);
        tracing::debug!(%pushed, tags = meant.len(), "told of a push");
        self.metrics.hinted(!meant.is_empty());
        for tag in meant {
            if !self.context.leadership.leads() {
                self.relay.tell(&tag);
            } else if self.context.hint(&tag) {
                // Nobody listens only while everything is being shut down.
                let _ = self.wake.send(ObjectRef::from_obj(&*tag));
            }
        }
    }
}
