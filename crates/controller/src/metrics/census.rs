//! How the Tags and workloads stand, counted when somebody asks: nothing is kept for it, and nothing can be out of step.
//!
//! Tags are named only where they are not as they are wanted, and no more than [`MOST`] of them: those that have waited longest.

use std::fmt;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use kube::ResourceExt;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use tagger_api::Tag;
use tagger_api::workload::Kind;

use super::{Metrics, words};

/// How many Tags are named.
const MOST: usize = 100;

/// Tells how the Tags and workloads stand at the moment.
pub(super) struct Census(pub(super) Metrics);

/// Tells one of everything.
pub(super) struct Specimen;

/// How a Tag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Ready,
    Reconciling,
    Stalled,
    Suspended,
}

/// What is told.
#[derive(Debug, Default, PartialEq)]
struct Count {
    tags: [u64; 4],
    outdated: u64,
    /// Of the current generations, the age of the youngest, of the one in the middle, and of the oldest.
    ages: Option<[f64; 3]>,
    not_ready: Vec<NotReady>,
    /// By kind of workloads: those that are annotated, and those of them that follow a Tag.
    workloads: Vec<(&'static str, [u64; 2])>,
    longest_wait: f64,
}

/// A Tag that is not as it is wanted, and since when.
#[derive(Clone, Debug, PartialEq)]
struct NotReady {
    labels: Named,
    since: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    tag_namespace: String,
    tag: String,
    state: &'static str,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct In {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    generation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    kind: &'static str,
}

impl Standing {
    const ALL: [Self; 4] = [Self::Ready, Self::Reconciling, Self::Stalled, Self::Suspended];

    fn of(tag: &Tag) -> Self {
        let is_true = |kind: &str| {
            let told = tag.status.iter().flat_map(|status| &status.conditions);
            told.into_iter().any(|told| told.type_ == kind && told.status == "True")
        };
        let observed = tag.status.as_ref().and_then(|status| status.observed_generation);
        match () {
            () if tag.spec.is_suspended() => Self::Suspended,
            () if observed != tag.metadata.generation => Self::Reconciling,
            () if is_true("Stalled") => Self::Stalled,
            () if is_true("Ready") => Self::Ready,
            () => Self::Reconciling,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Reconciling => "reconciling",
            Self::Stalled => "stalled",
            Self::Suspended => "suspended",
        }
    }
}

impl Count {
    fn of(tags: &[Arc<Tag>], now: Timestamp) -> Self {
        let mut count = Self::default();
        let (mut imported, mut not_ready) = (Vec::with_capacity(tags.len()), Vec::new());
        for tag in tags {
            let standing = Standing::of(tag);
            count.tags[standing as usize] += 1;
            if matches!(standing, Standing::Reconciling | Standing::Stalled) {
                not_ready.push((since(tag), standing, tag));
            }
            let Some(status) = &tag.status else { continue };
            let newest = status.references.iter().next().map(|newest| newest.generation);
            count.outdated += u64::from(status.generation.is_some() && status.generation < newest);
            imported.extend(status.current().map(|current| current.imported_at.as_second()));
        }
        if not_ready.len() > MOST {
            not_ready.select_nth_unstable_by_key(MOST, |(since, ..)| *since);
            not_ready.truncate(MOST);
        }
        count.not_ready =
            not_ready.into_iter().map(|(since, standing, tag)| named(tag, standing, since)).collect();
        count.ages = ages(imported, now);
        count
    }

    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Tags by state: ready, reconciling (an import is due, under way, or failed and tried again), stalled until somebody changes something, or suspended.";
        let mut family = encoder.encode_descriptor("tagger_tags", help, None, MetricType::Gauge)?;
        for state in Standing::ALL {
            let labels = In { state: state.word() };
            ConstGauge::new(self.tags[state as usize]).encode(family.encode_family(&labels)?)?;
        }
        let help = "Tags whose current generation is older than the newest one that was imported, since a person stepped back.";
        let gauge = encoder.encode_descriptor("tagger_tags_outdated", help, None, MetricType::Gauge)?;
        ConstGauge::new(self.outdated).encode(gauge)?;
        let help = "How long ago the current generations of all Tags were imported: the youngest, the one in the middle, and the oldest.";
        let (name, unit) = ("tagger_generation_age", Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?;
        for (generation, age) in
            ["youngest", "median", "oldest"].into_iter().zip(self.ages.into_iter().flatten())
        {
            ConstGauge::new(age).encode(family.encode_family(&Which { generation })?)?;
        }
        let help = "Since when a Tag is reconciling or stalled, and why, in seconds since 1970. Of all such Tags, the 100 that have been so for longest are named.";
        let name = "tagger_tag_not_ready_timestamp";
        let mut family = encoder.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?;
        for NotReady { labels, since } in &self.not_ready {
            ConstGauge::new(*since).encode(family.encode_family(labels)?)?;
        }
        let help =
            "For how long the look or import has waited for its turn at a registry that waits longest.";
        let name = "tagger_looks_longest_wait";
        let gauge = encoder.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?;
        ConstGauge::new(self.longest_wait).encode(gauge)?;
        let annotated = "Workloads that are annotated to have their images governed, by kind.";
        let attached = "Workloads that follow a Tag with one container at least, by kind.";
        for (which, name, help) in
            [(0, "tagger_workloads_annotated", annotated), (1, "tagger_workloads_attached", attached)]
        {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (kind, numbers) in &self.workloads {
                ConstGauge::new(numbers[which]).encode(family.encode_family(&Of { kind })?)?;
            }
        }
        Ok(())
    }
}

/// Since when a Tag is not as it is wanted, as far as its conditions tell; else since it was made.
fn since(tag: &Tag) -> i64 {
    let told = tag.status.iter().flat_map(|status| &status.conditions);
    let not_ready = told.into_iter().find(|told| told.type_ == "Ready" && told.status != "True");
    let since = not_ready.map(|told| &told.last_transition_time).or(tag.metadata.creation_timestamp.as_ref());
    since.map_or(0, |since| since.0.as_second())
}

fn named(tag: &Tag, standing: Standing, since: i64) -> NotReady {
    let told = tag.status.iter().flat_map(|status| &status.conditions);
    let reason = told.into_iter().find(|told| told.type_ == "Ready").filter(|told| told.status != "True");
    let reason = reason.map_or_else(String::new, |told| told.reason.clone());
    let (tag_namespace, name) = (tag.namespace().unwrap_or_default(), tag.name_any());
    NotReady { labels: Named { tag_namespace, tag: name, state: standing.word(), reason }, since }
}

fn ages(mut imported: Vec<i64>, now: Timestamp) -> Option<[f64; 3]> {
    let (oldest, youngest) = (*imported.iter().min()?, *imported.iter().max()?);
    let middle = imported.len() / 2;
    let (_, median, _) = imported.select_nth_unstable(middle);
    // A clock that was set back makes nothing younger than nothing.
    #[allow(clippy::cast_precision_loss, reason = "an age in seconds is far below what a float holds")]
    Some([youngest, *median, oldest].map(|at| (now.as_second() - at).max(0) as f64))
}

impl Collector for Census {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let observed = self.0.0.observed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(observed) = &*observed else { return Ok(()) };
        let mut count = Count::of(&observed.tags.state(), Timestamp::now());
        count.workloads =
            observed.workloads.iter().map(|index| (words::kind(index.kind()), index.numbers())).collect();
        count.longest_wait = (observed.longest_wait)().as_secs_f64();
        count.encode(encoder)
    }
}

impl Collector for Specimen {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let labels = |state: Standing| Named {
            tag_namespace: "development".to_owned(),
            tag: "myapp-devel".to_owned(),
            state: state.word(),
            reason: "NotFound".to_owned(),
        };
        let not_ready = [Standing::Reconciling, Standing::Stalled];
        Count {
            ages: Some([0.0; 3]),
            not_ready: not_ready.map(|state| NotReady { labels: labels(state), since: 0 }).into(),
            workloads: Kind::ALL.map(|kind| (words::kind(kind), [0, 0])).into(),
            ..Count::default()
        }
        .encode(encoder)
    }
}

impl fmt::Debug for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Census")
    }
}

impl fmt::Debug for Specimen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Specimen")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn tag(name: &str, more: Value) -> Arc<Tag> {
        let mut tag = json!({
            "apiVersion": "images.io/v1", "kind": "Tag",
            "metadata": { "name": name, "namespace": "dev", "generation": 2, "creationTimestamp": "1970-01-01T00:00:09Z" },
            "spec": { "from": "quay.io/a/b" },
        });
        tag.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Arc::new(serde_json::from_value(tag).unwrap())
    }

    fn condition(kind: &str, status: &str, second: u8) -> Value {
        let at = format!("1970-01-01T00:00:{second:02}Z");
        json!({ "type": kind, "status": status, "reason": "NotFound", "message": "", "lastTransitionTime": at })
    }

    fn status(observed: i64, conditions: Value) -> Value {
        json!({ "status": { "observedGeneration": observed, "conditions": conditions } })
    }

    #[rstest]
    #[case::never_looked_at(json!({}), Standing::Reconciling)]
    #[case::as_it_is_wanted(status(2, json!([condition("Ready", "True", 1)])), Standing::Ready)]
    #[case::an_older_specification_was(status(1, json!([condition("Ready", "True", 1)])), Standing::Reconciling)]
    #[case::failing(status(2, json!([condition("Ready", "False", 1), condition("Reconciling", "True", 1)])), Standing::Reconciling)]
    #[case::stalled(status(2, json!([condition("Ready", "False", 1), condition("Stalled", "True", 1)])), Standing::Stalled)]
    #[case::suspended(json!({ "spec": { "from": "quay.io/a/b", "suspend": true } }), Standing::Suspended)]
    fn a_tag_stands_as_its_conditions_say(#[case] more: Value, #[case] standing: Standing) {
        assert_eq!(Standing::of(&tag("a", more)), standing);
    }

    #[test]
    fn those_that_have_waited_longest_are_named_and_no_more_than_a_hundred() {
        let failing = |second| status(2, json!([condition("Ready", "False", second)]));
        let mut tags: Vec<Arc<Tag>> =
            (0..300).map(|number| tag(&format!("new-{number}"), failing(9))).collect();
        tags.push(tag("old", failing(1)));
        let count = Count::of(&tags, Timestamp::UNIX_EPOCH);
        assert_eq!((count.tags, count.not_ready.len()), ([0, 301, 0, 0], MOST));
        let old = count.not_ready.iter().find(|told| told.labels.tag == "old").unwrap();
        assert_eq!(
            (old.since, old.labels.reason.as_str(), old.labels.tag_namespace.as_str()),
            (1, "NotFound", "dev")
        );
    }

    #[test]
    fn a_tag_that_stepped_back_is_outdated_and_ages_are_those_of_what_is_used() {
        let generation = |number: i64| {
            let at = format!("1970-01-01T00:00:{:02}Z", number * 10);
            json!({ "generation": number, "from": "quay.io/a/b", "importedAt": at, "imageReference": "quay.io/a/b@x" })
        };
        let at = |current: i64| {
            tag(
                "a",
                json!({ "status": { "generation": current, "references": [generation(2), generation(1), generation(0)] } }),
            )
        };
        let count = Count::of(&[at(2), at(2), at(1), at(0)], Timestamp::from_second(60).unwrap());
        assert_eq!((count.outdated, count.ages), (2, Some([40.0, 40.0, 60.0])));
    }
}
