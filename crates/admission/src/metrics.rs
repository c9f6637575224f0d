//! What is counted of admission. Every label is one of a fixed set of words, whatever the API server sends.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::intake::IntakeError;
use crate::review::{Request, Verb};

/// The upper ends of the histogram's buckets, in seconds. Most answers take less than a millisecond; the API server waits for five
/// seconds at most.
const BUCKETS: [f64; 15] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// The kinds that are told apart.
const KINDS: [&str; 8] =
    ["CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "StatefulSet", "Tag"];
/// All kinds beyond those.
const OTHER: &str = "other";

/// Counts reviews. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    reviews: Family<Reviewed, Counter>,
    durations: Family<By, Histogram, fn() -> Histogram>,
    in_flight: Family<By, Gauge>,
    waiting: Gauge,
    rejected: Family<Rejected, Counter>,
}

/// Which of the two webhooks is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Webhook {
    /// Workloads, which are rewritten.
    Mutate,
    /// Tags, which are judged.
    Validate,
}

/// Why a request is answered with no review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// As many as may be are worked on.
    Busy,
    /// The body could not be taken in.
    Intake(IntakeError),
    /// The body is no AdmissionReview.
    Unreadable,
    /// The Tags of the cluster are not known yet.
    TagsUnknown,
    /// The answer could not be written, or answering panicked.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reviewed {
    webhook: &'static str,
    operation: &'static str,
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    webhook: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rejected {
    reason: &'static str,
}

/// A request that is worked on. It counts as such until it is dropped.
pub(crate) struct InFlight {
    webhook: Webhook,
    since: Instant,
    gauge: Gauge,
}

/// A review that waits for a Tag, until it is dropped.
pub(crate) struct Waiting<'a>(&'a Gauge);

impl Default for Metrics {
    fn default() -> Self {
        let histogram = || Histogram::new(BUCKETS);
        Self {
            reviews: Family::default(),
            durations: Family::new_with_constructor(histogram as fn() -> Histogram),
            in_flight: Family::default(),
            waiting: Gauge::default(),
            rejected: Family::default(),
        }
    }
}

impl Metrics {
    /// Has what is counted told there.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("tagger_admission");
        let help = "Admission reviews that were answered, by webhook, operation, kind of object and result: left as it is, patched, or refused";
        registry.register("reviews", help, self.reviews.clone());
        let help = "Time from an admission review's first byte to its answer, the wait for a Tag that is to come included";
        registry.register_with_unit("review_duration", help, Unit::Seconds, self.durations.clone());
        let help = "Admission reviews that are worked on now";
        registry.register("reviews_in_flight", help, self.in_flight.clone());
        let help = "Admission reviews that wait now for a Tag that is to come, or for its first generation";
        registry.register("reviews_waiting", help, self.waiting.clone());
        let help = "Admission requests that were sent away with no review, by the reason";
        registry.register("requests_rejected", help, self.rejected.clone());
    }

    /// Registers every metric with one sample of each word that a label may have: what the reference page is made from.
    pub fn specimen(registry: &mut Registry) {
        let metrics = Self::default();
        metrics.register(registry);
        for webhook in [Webhook::Mutate, Webhook::Validate] {
            drop(metrics.begin(webhook));
            metrics.durations.get_or_create(&By { webhook: webhook.name() }).observe(0.0);
            for verb in [Verb::Create, Verb::Update, Verb::Other] {
                for result in ["unchanged", "patched", "refused"] {
                    for kind in KINDS.into_iter().chain([OTHER]) {
                        let (webhook, operation) = (webhook.name(), operation(verb));
                        metrics.reviews.get_or_create(&Reviewed { webhook, operation, kind, result }).inc();
                    }
                }
            }
        }
        let intake = [
            IntakeError::TooLarge,
            IntakeError::TooSlow(Duration::ZERO),
            IntakeError::NoRoom,
            IntakeError::Broken,
        ];
        let reasons = [Reason::Busy, Reason::Unreadable, Reason::TagsUnknown, Reason::Failed];
        for reason in intake.map(Reason::Intake).into_iter().chain(reasons) {
            metrics.rejected(reason);
        }
    }

    /// A request has come.
    pub(crate) fn begin(&self, webhook: Webhook) -> InFlight {
        let gauge = self.in_flight.get_or_create_owned(&By { webhook: webhook.name() });
        gauge.inc();
        InFlight { webhook, since: Instant::now(), gauge }
    }

    /// A review is answered.
    pub(crate) fn answered(&self, request: &InFlight, review: &Request<'_>, answer: &Answer) {
        let webhook = request.webhook.name();
        let result = match answer {
            Answer::Allowed { patch, .. } if patch.is_empty() => "unchanged",
            Answer::Allowed { .. } => "patched",
            Answer::Refused(_) => "refused",
        };
        let (operation, kind) = (operation(review.operation), kind(&review.kind.kind));
        self.reviews.get_or_create(&Reviewed { webhook, operation, kind, result }).inc();
        self.durations.get_or_create(&By { webhook }).observe(request.since.elapsed().as_secs_f64());
    }

    /// A request is sent away.
    pub(crate) fn rejected(&self, reason: Reason) {
        self.rejected.get_or_create(&Rejected { reason: reason.word() }).inc();
    }

    /// A review begins to wait for a Tag.
    pub(crate) fn waits(&self) -> Waiting<'_> {
        self.waiting.inc();
        Waiting(&self.waiting)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Webhook {
    /// Its name, that of its path.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Validate => "validate",
        }
    }
}

impl Reason {
    const fn word(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Intake(IntakeError::TooLarge) => "too_large",
            Self::Intake(IntakeError::TooSlow(_)) => "too_slow",
            Self::Intake(IntakeError::NoRoom) => "no_room",
            Self::Intake(IntakeError::Broken) => "broken",
            Self::Unreadable => "unreadable",
            Self::TagsUnknown => "tags_unknown",
            Self::Failed => "failed",
        }
    }
}

const fn operation(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Other => OTHER,
    }
}

fn kind(told: &str) -> &'static str {
    KINDS.into_iter().find(|known| *known == told).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_nobody_knows_is_counted_with_all_others() {
        assert_eq!(
            [kind("Deployment"), kind("x".repeat(9000).as_str()), kind("")],
            ["Deployment", OTHER, OTHER]
        );
    }

    #[test]
    fn whatever_becomes_of_a_request_it_is_no_longer_in_flight_when_it_has_ended() {
        let metrics = Metrics::default();
        let by = By { webhook: "mutate" };
        let (first, second) = (metrics.begin(Webhook::Mutate), metrics.begin(Webhook::Mutate));
        assert_eq!(metrics.in_flight.get_or_create(&by).get(), 2);
        drop((first, second));
        assert_eq!(metrics.in_flight.get_or_create(&by).get(), 0);
    }
}
