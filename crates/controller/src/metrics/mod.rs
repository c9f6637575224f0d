//! What the controller counts, by the naming rules of Prometheus. Labels are words of our own; no registry is one, and Tags are named
//! only as far as [`census`] says.

mod census;
mod words;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use kube::runtime::reflector::Store;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tagger_api::Tag;
use tagger_api::workload::Kind;
use tagger_core::generation::Trigger;
use tokio::time::Instant;

use crate::workloads::Index;
use census::Census;

/// The result of an import or a copy that came to its end well.
const DONE: &str = "done";
/// The result of a copy that was given up, since nobody wants it any more.
const GIVEN_UP: &str = "given_up";

/// The upper ends of the buckets for copies, in seconds: from a small image to one of many gigabytes.
const COPIES: [f64; 11] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];
/// The upper ends of the buckets for looks at objects, in seconds. Most ask nobody.
const LOOKS: [f64; 10] = [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// Counts what the controller does. Clones count together.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    imports: Family<Import, Counter>,
    mirrors: Family<Mirror, Counter>,
    mirror_bytes: Counter,
    mirror_durations: Histogram,
    mirrors_in_progress: Gauge,
    mirrors_waiting: Gauge,
    looks: Family<Look, Counter>,
    waiting: Gauge,
    hints: Family<Hint, Counter>,
    roll_outs: Family<RollOut, Counter>,
    detached: Family<Of, Counter>,
    reconciles: Family<Of, Histogram, fn() -> Histogram>,
    errors: Family<Of, Counter>,
    watches: Family<Of, Counter>,
    events: Family<Event, Counter>,
    leads: Gauge,
    observed: Mutex<Option<Observed>>,
}

/// What is looked at when somebody asks for the metrics: nothing of it is kept for them.
pub(crate) struct Observed {
    pub(crate) tags: Store<Tag>,
    pub(crate) workloads: Vec<Index>,
    /// For how long the look has waited that waits longest.
    pub(crate) longest_wait: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// How a roll-out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RolledOut {
    /// Admission wrote the images.
    ByAdmission,
    /// The controller did, since admission was away.
    Repaired,
    /// It is tried again.
    Failed,
}

/// A copy from its beginning to its end. One that is dropped before has been given up.
pub(crate) struct Copy {
    metrics: Metrics,
    since: Instant,
    result: OnceLock<&'static str>,
}

/// A copy that waits for its turn, until it is dropped.
pub(crate) struct Turn(Gauge);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Import {
    trigger: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Mirror {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Look {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hint {
    tags: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RollOut {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Event {
    r#type: &'static str,
    result: &'static str,
}

impl Default for Inner {
    fn default() -> Self {
        let reconciles = || Histogram::new(LOOKS);
        Self {
            imports: Family::default(),
            mirrors: Family::default(),
            mirror_bytes: Counter::default(),
            mirror_durations: Histogram::new(COPIES),
            mirrors_in_progress: Gauge::default(),
            mirrors_waiting: Gauge::default(),
            looks: Family::default(),
            waiting: Gauge::default(),
            hints: Family::default(),
            roll_outs: Family::default(),
            detached: Family::default(),
            reconciles: Family::new_with_constructor(reconciles as fn() -> Histogram),
            errors: Family::default(),
            watches: Family::default(),
            events: Family::default(),
            leads: Gauge::default(),
            observed: Mutex::default(),
        }
    }
}

impl Metrics {
    /// Has what is counted be told there.
    pub fn register(&self, registry: &mut Registry) {
        let all = &*self.0;
        registry.register_collector(Box::new(Census(self.clone())));
        let registry = registry.sub_registry_with_prefix("tagger");
        let help = "Whether this process reconciles: 1 on the leader, 0 on the others";
        registry.register("leader", help, all.leads.clone());
        let help = "Imports that came to their end, by what asked for them and the result: done, or the reason in the Tag's conditions";
        registry.register("imports", help, all.imports.clone());
        let help = "Copies into the cache that came to their end, by the result: done, given up since nobody wanted them any more, or the reason in the Tag's conditions";
        registry.register("mirrors", help, all.mirrors.clone());
        let help = "Bytes of blobs that were copied into the cache; what had to begin anew counts again";
        registry.register_with_unit("mirror_copied", help, Unit::Bytes, all.mirror_bytes.clone());
        let help = "Time that a copy into the cache took, without the wait for its turn";
        registry.register_with_unit("mirror_duration", help, Unit::Seconds, all.mirror_durations.clone());
        let help = "Copies into the cache that are made now";
        registry.register("mirrors_in_progress", help, all.mirrors_in_progress.clone());
        let help = "Copies into the cache that wait now for their turn";
        registry.register("mirrors_waiting", help, all.mirrors_waiting.clone());
        let help = "Looks at a registry without a person, by what they saw";
        registry.register("looks", help, all.looks.clone());
        let help = "Looks and imports that wait now for their turn at a registry";
        registry.register("looks_waiting", help, all.waiting.clone());
        let help = "Tags in a registry that were told to have been pushed, by whether a Tag follows them";
        registry.register("hints", help, all.hints.clone());
        let help = "Roll-outs of workloads that came to their end, by kind and result: images written by admission, repaired by the controller since admission was away, or failed and tried again";
        registry.register("rollouts", help, all.roll_outs.clone());
        let help = "Containers that follow their Tag no more, since somebody set another image, by the kind of the workload";
        registry.register("containers_detached", help, all.detached.clone());
        let help = "Time that one look at a Tag or a workload took, by the kind of the object";
        registry.register_with_unit("reconcile_duration", help, Unit::Seconds, all.reconciles.clone());
        let help = "Looks at a Tag or a workload that the API server made fail, by the kind of the object; they are tried again";
        registry.register("reconcile_errors", help, all.errors.clone());
        let help = "Watches that broke and began anew, by the kind of the objects";
        registry.register("watch_failures", help, all.watches.clone());
        let help = "Events by type and by what became of them: written, refused by the API server, or dropped since too many waited";
        registry.register("events", help, all.events.clone());
    }

    /// Registers every metric with one sample of each word that a label may have: what the reference page is made from.
    pub fn specimen(registry: &mut Registry) {
        let (metrics, now) = (Self::default(), Instant::now());
        let all = &*metrics.0;
        for trigger in [Trigger::Spec, Trigger::Push, Trigger::Poll, Trigger::Manual, Trigger::Upload] {
            metrics.imported(trigger);
        }
        drop(metrics.copies());
        all.mirror_durations.observe(0.0);
        ["new", "same", "failed"].into_iter().for_each(|outcome| metrics.looked(outcome));
        [true, false].into_iter().for_each(|is_meant| metrics.hinted(is_meant));
        for kind in Kind::ALL {
            [RolledOut::ByAdmission, RolledOut::Repaired, RolledOut::Failed]
                .into_iter()
                .for_each(|how| metrics.rolled_out(kind, how));
            metrics.detached(kind);
        }
        for kind in Kind::ALL.map(words::kind).into_iter().chain([words::TAG]) {
            metrics.looked_at(kind, now, false);
            metrics.watch_failed(kind);
        }
        for is_normal in [true, false] {
            words::FATES.into_iter().for_each(|fate| metrics.event(is_normal, fate));
        }
        metrics.register(&mut *registry);
        registry.register_collector(Box::new(census::Specimen));
    }

    /// This process leads from now on, or does so no more.
    pub(crate) fn leads(&self, leads: bool) {
        self.0.leads.set(leads.into());
    }

    /// Has these looked at whenever somebody asks for the metrics, until what is given back is dropped.
    pub(crate) fn observe(&self, observed: Observed) -> impl Drop + use<> {
        *self.0.observed.lock().unwrap_or_else(PoisonError::into_inner) = Some(observed);
        Observing(self.clone())
    }

    pub(crate) fn imported(&self, trigger: Trigger) {
        self.import_ended(trigger, DONE);
    }

    pub(crate) fn import_failed(&self, trigger: Trigger, reason: &'static str) {
        self.import_ended(trigger, reason);
    }

    fn import_ended(&self, trigger: Trigger, result: &'static str) {
        self.0.imports.get_or_create(&Import { trigger: words::trigger(trigger), result }).inc();
    }

    /// A copy waits for its turn.
    pub(crate) fn copy_waits(&self) -> Turn {
        self.0.mirrors_waiting.inc();
        Turn(self.0.mirrors_waiting.clone())
    }

    /// A copy begins.
    pub(crate) fn copies(&self) -> Copy {
        self.0.mirrors_in_progress.inc();
        Copy { metrics: self.clone(), since: Instant::now(), result: OnceLock::new() }
    }

    /// A look without a person came to its end: `new`, `same` or `failed`.
    pub(crate) fn looked(&self, outcome: &'static str) {
        self.0.looks.get_or_create(&Look { outcome }).inc();
    }

    pub(crate) fn hinted(&self, is_meant: bool) {
        self.0.hints.get_or_create(&Hint { tags: if is_meant { "matched" } else { "none" } }).inc();
    }

    /// One look more waits, or one less.
    pub(crate) fn waits(&self, change: i64) {
        self.0.waiting.inc_by(change);
    }

    pub(crate) fn rolled_out(&self, kind: Kind, result: RolledOut) {
        let result = match result {
            RolledOut::ByAdmission => "admission",
            RolledOut::Repaired => "repaired",
            RolledOut::Failed => "failed",
        };
        self.0.roll_outs.get_or_create(&RollOut { kind: words::kind(kind), result }).inc();
    }

    pub(crate) fn detached(&self, kind: Kind) {
        self.0.detached.get_or_create(&Of { kind: words::kind(kind) }).inc();
    }

    /// A look at a Tag came to its end.
    pub(crate) fn looked_at_tag(&self, since: Instant, is_well: bool) {
        self.looked_at(words::TAG, since, is_well);
    }

    /// A look at a workload came to its end.
    pub(crate) fn looked_at_workload(&self, kind: Kind, since: Instant, is_well: bool) {
        self.looked_at(words::kind(kind), since, is_well);
    }

    fn looked_at(&self, kind: &'static str, since: Instant, is_well: bool) {
        self.0.reconciles.get_or_create(&Of { kind }).observe(since.elapsed().as_secs_f64());
        if !is_well {
            self.0.errors.get_or_create(&Of { kind }).inc();
        }
    }

    /// The watch of the Tags broke.
    pub(crate) fn watch_of_tags_failed(&self) {
        self.watch_failed(words::TAG);
    }

    /// The watch of a kind of workloads broke.
    pub(crate) fn watch_of_workloads_failed(&self, kind: Kind) {
        self.watch_failed(words::kind(kind));
    }

    fn watch_failed(&self, kind: &'static str) {
        self.0.watches.get_or_create(&Of { kind }).inc();
    }

    /// What became of an Event: `written`, `refused` or `dropped`.
    pub(crate) fn event(&self, is_normal: bool, result: &'static str) {
        let r#type = if is_normal { "normal" } else { "warning" };
        self.0.events.get_or_create(&Event { r#type, result }).inc();
    }
}

struct Observing(Metrics);

impl Drop for Observing {
    fn drop(&mut self) {
        *self.0.0.observed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Copy {
    /// So many bytes have passed.
    pub(crate) fn passed(&self, bytes: u64) {
        self.metrics.0.mirror_bytes.inc_by(bytes);
    }

    /// It came to its end: well, or it failed with this reason.
    pub(crate) fn ended(&self, reason: Option<&'static str>) {
        // It ends once.
        let _ = self.result.set(reason.unwrap_or(DONE));
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let all = &*self.metrics.0;
        all.mirrors_in_progress.dec();
        let result = self.result.get().copied().unwrap_or(GIVEN_UP);
        all.mirrors.get_or_create(&Mirror { result }).inc();
        if result == DONE {
            all.mirror_durations.observe(self.since.elapsed().as_secs_f64());
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests;
