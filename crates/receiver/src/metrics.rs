//! What is counted. Labels are from fixed sets of words.

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::provider::Provider;
use crate::queue::{Queue, Taken};

/// The counters of a receiver.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    requests: Family<Request, Counter>,
    references: Family<Fate, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    provider: &'static str,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Fate {
    provider: &'static str,
    fate: &'static str,
}

impl Metrics {
    /// Has them told, with the length of this queue.
    pub fn register(&self, queue: &Queue, registry: &mut Registry) {
        registry.register(
            "tagger_receiver_requests",
            "Requests to the receiver of push notifications, by provider and by the status that they were answered with",
            self.requests.clone(),
        );
        registry.register(
            "tagger_receiver_references",
            "Tags that push notifications told of, by provider and by what became of them: queued, merged with one that \
             waited, refused because too many wait, or unusable entries of which the rest was used",
            self.references.clone(),
        );
        registry.register(
            "tagger_receiver_queue_length",
            "Tags that push notifications told of and that are still to be looked at",
            queue.length(),
        );
    }

    /// Registers every metric with one sample of each word that a label may have: what the reference page is made from.
    pub fn specimen(registry: &mut Registry) {
        let (metrics, (queue, _)) = (Self::default(), crate::queue::queue(0));
        metrics.register(&queue, registry);
        metrics.answered(None, StatusCode::ACCEPTED);
        for provider in Provider::ALL {
            metrics.answered(Some(provider), StatusCode::ACCEPTED);
            metrics.taken(provider, Taken { queued: 1, merged: 1 });
            metrics.refused(provider, 1);
            metrics.unusable(provider, 1);
        }
    }

    /// Counts a request. There is no provider where the path names none.
    pub(crate) fn answered(&self, provider: Option<Provider>, status: StatusCode) {
        let provider = provider.map_or("unknown", Provider::name);
        self.requests.get_or_create(&Request { provider, code: status.as_u16() }).inc();
    }

    pub(crate) fn taken(&self, provider: Provider, taken: Taken) {
        self.count(provider, "queued", taken.queued);
        self.count(provider, "merged", taken.merged);
    }

    pub(crate) fn refused(&self, provider: Provider, count: usize) {
        self.count(provider, "refused", count);
    }

    pub(crate) fn unusable(&self, provider: Provider, count: usize) {
        self.count(provider, "unusable", count);
    }

    fn count(&self, provider: Provider, fate: &'static str, count: usize) {
        let counter = self.references.get_or_create(&Fate { provider: provider.name(), fate });
        counter.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }
}
