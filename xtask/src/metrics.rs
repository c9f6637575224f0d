//! The page of `docs/reference/` about the metrics, made from the registry of metrics itself.

use std::fmt::Write;

use anyhow::{Result, ensure};
use tagger::metrics::{Described, described};

use crate::reference::{MADE, cell, code};

/// What the page is about before the tables.
const ABOUT: &str = "\
At `/metrics` of `--health-address`, as OpenMetrics text. Counters, `_total`, begin at 0 when the process does. A histogram has three
series: `_bucket` with the label `le`, `_sum` and `_count`. Times are in seconds, sizes in bytes.

Every label is bounded, whatever anybody writes or sends:

* `host`: registries that a Tag, the cache or the configuration names, 200 at most; one that nobody asked for an hour makes room. All
  others, and where uploads are sent to, are `other`. Token servers and redirects count for the registry that sent us there.
* `code`: a status that registries answer (others are `another`), or a [reason](conditions.md#when-an-import-fails) where there was none.
* `reason`, and `result` where it is not listed: a [reason](conditions.md#when-an-import-fails).
* `tag` and `tag_namespace`: only Tags that are not ready, and of those the 100 that have been so for longest.
* A label with its values in brackets has those and no others.

With several replicas, each tells what it does itself. How Tags and workloads stand is told by each that watches them: take the `max`,
not the `sum`, of `tagger_tags`, `tagger_tags_outdated`, `tagger_generation_age_seconds`, `tagger_tag_not_ready_timestamp_seconds` and
`tagger_workloads_…`. What makes sense to watch is in the dashboard and the alerts of the chart, `charts/tagger/files`.
";

/// What the parts of the page are about, and how the names in each begin. The first that fits has a metric.
const PARTS: [(&str, &[&str]); 8] = [
    ("Admission", &["tagger_admission_"]),
    ("Registries", &["tagger_registry_"]),
    ("Push notifications", &["tagger_receiver_", "tagger_hints"]),
    ("Copies into the cache", &["tagger_mirror"]),
    ("Workloads", &["tagger_workloads", "tagger_rollouts", "tagger_containers"]),
    ("The API server", &["tagger_kubernetes_", "tagger_watch", "tagger_events", "tagger_reconcile"]),
    ("Process", &["process_", "tagger_build", "tagger_certificate", "tagger_leader"]),
    ("Tags", &["tagger_"]),
];

/// The page.
pub(crate) fn page() -> Result<String> {
    let all = described();
    let mut page = format!("{MADE}\n# Metrics\n\n{ABOUT}");
    let part_of = |metric: &Described| {
        PARTS.iter().position(|(_, begins)| begins.iter().any(|begin| metric.name.starts_with(begin)))
    };
    // Tags first: they are what all is about.
    for number in std::iter::once(PARTS.len() - 1).chain(0..PARTS.len() - 1) {
        write!(
            page,
            "\n## {}\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n",
            PARTS[number].0
        )?;
        let mut here: Vec<&Described> = all.iter().filter(|metric| part_of(metric) == Some(number)).collect();
        here.sort_by_key(|metric| &metric.name);
        for metric in here {
            let name = match metric.kind.as_str() {
                "counter" | "info" => metric.series().join(""),
                _ => metric.name.clone(),
            };
            writeln!(page, "| `{name}` | {} | {} | {} |", metric.kind, labels(metric), cell(&metric.help))?;
        }
    }
    ensure!(all.iter().all(|metric| part_of(metric).is_some()), "a metric has no part of the page");
    Ok(page)
}

/// The labels of a metric, with their values where the specimen has more than one: then it has all.
fn labels(metric: &Described) -> String {
    let told = metric.labels.iter().map(|(label, values)| match values.len() {
        0 | 1 => code([label]),
        _ => format!("{} ({})", code([label]), code(values)),
    });
    told.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_its_type_labels_values_and_meaning() {
        let page = page().unwrap();
        let row = |name: &str| page.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap();
        assert!(
            row("tagger_tags")
                .contains("| gauge | `state` (`ready`, `reconciling`, `stalled`, `suspended`) |")
        );
        assert!(row("tagger_registry_throttled_total").contains("`host`; `how` (`merged`, `patient`"));
        assert!(row("tagger_admission_review_duration_seconds").contains("| histogram |"));
        assert!(page.find("## Tags") < page.find("## Admission"));
    }
}
