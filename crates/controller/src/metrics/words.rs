//! The words that labels are made of.

use tagger_api::workload::Kind;
use tagger_core::generation::Trigger;

/// The kind of the Tags.
pub(super) const TAG: &str = "Tag";
/// What may become of an Event.
pub(super) const FATES: [&str; 3] = ["written", "refused", "dropped"];

/// The word for what asked for an import.
pub(super) const fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Spec => "spec",
        Trigger::Push => "push",
        Trigger::Poll => "poll",
        Trigger::Manual => "manual",
        Trigger::Upload => "upload",
    }
}

/// The word for a kind of workloads: that of Kubernetes.
pub(super) fn kind(kind: Kind) -> &'static str {
    kind.names().1
}
