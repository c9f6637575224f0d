//! What the controller counts, by the naming rules of Prometheus. Labels are words of our own; no Tag and no registry is one.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tagger_core::generation::Trigger;

/// Counts what the controller does. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    imports: Family<Import, Counter>,
    failures: Family<Failure, Counter>,
    looks: Family<Look, Counter>,
    waiting: Gauge,
    hints: Family<Hint, Counter>,
    leader: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Import {
    trigger: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Look {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hint {
    tags: &'static str,
}

impl Metrics {
    /// Has what is counted be told there.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("tagger");
        let imports = "Generations that were imported, by what asked for them";
        registry.register("imports", imports, self.imports.clone());
        let failures = "Imports and copies that failed, by the reason in the Tag's conditions";
        registry.register("import_failures", failures, self.failures.clone());
        let looks = "Looks at a registry without a person, by what they saw";
        registry.register("looks", looks, self.looks.clone());
        let waiting = "Looks and imports that wait for their turn at a registry";
        registry.register("looks_waiting", waiting, self.waiting.clone());
        let hints = "Tags in a registry that were told to have been pushed, by whether a Tag follows them";
        registry.register("hints", hints, self.hints.clone());
        let leader = "Whether this replica is the one that reconciles";
        registry.register("leader", leader, self.leader.clone());
    }

    pub(crate) fn imported(&self, trigger: Trigger) {
        let trigger = match trigger {
            Trigger::Spec => "spec",
            Trigger::Push => "push",
            Trigger::Poll => "poll",
            Trigger::Manual => "manual",
            Trigger::Upload => "upload",
        };
        self.imports.get_or_create(&Import { trigger }).inc();
    }

    pub(crate) fn failed(&self, reason: &'static str) {
        self.failures.get_or_create(&Failure { reason }).inc();
    }

    /// A look without a person came to its end: `new`, `same` or `failed`.
    pub(crate) fn looked(&self, outcome: &'static str) {
        self.looks.get_or_create(&Look { outcome }).inc();
    }

    pub(crate) fn hinted(&self, is_meant: bool) {
        self.hints.get_or_create(&Hint { tags: if is_meant { "matched" } else { "none" } }).inc();
    }

    /// This process leads from now on, or does so no more.
    pub(crate) fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// One look more waits, or one less.
    pub(crate) fn waits(&self, change: i64) {
        self.waiting.inc_by(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told_under_its_name() {
        let (metrics, mut registry) = (Metrics::default(), Registry::default());
        metrics.register(&mut registry);
        metrics.imported(Trigger::Push);
        metrics.failed("NotFound");
        metrics.looked("new");
        metrics.hinted(false);
        metrics.waits(2);
        metrics.waits(-1);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"tagger_imports_total{trigger="push"} 1"#,
            r#"tagger_import_failures_total{reason="NotFound"} 1"#,
            r#"tagger_looks_total{outcome="new"} 1"#,
            r#"tagger_hints_total{tags="none"} 1"#,
            "tagger_looks_waiting 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
