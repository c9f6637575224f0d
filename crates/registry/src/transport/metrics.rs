//! What is counted of the requests to registries, for Prometheus.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;
use reqwest::Response;

use super::account::Accounts;
use super::origin::Origin;
use crate::fault::Fault;

/// How many hosts are told apart. Who may write Tags, and registries that redirect, name any number of them.
const MAX_HOSTS: usize = 200;
/// All hosts beyond those.
const OTHER: &str = "other";

/// Counts requests. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    hosts: Arc<Mutex<HashSet<String>>>,
    requests: Family<Answered, Counter>,
    under_way: Family<At, Gauge>,
    throttled: Family<Throttled, Counter>,
}

/// What kept a request from being made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum How {
    /// The rate at which we ask a registry.
    Rate,
    /// The registry asked to be left alone.
    Pause,
    /// It can wait, and what is left of the account's limit is for others.
    Patient,
    /// The answer to an equal request serves it as well.
    Merged,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    host: String,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct At {
    host: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Throttled {
    host: String,
    how: How,
}

/// A request on its way.
pub(crate) struct UnderWay<'a> {
    metrics: &'a Metrics,
    host: String,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "tagger_registry_requests",
            "Requests to registries and what belongs to them, by the status that was answered, or else by what failed",
            self.requests.clone(),
        );
        registry.register(
            "tagger_registry_requests_under_way",
            "Requests that have not been answered yet",
            self.under_way.clone(),
        );
        registry.register(
            "tagger_registry_throttled",
            "Requests that waited or were not made: for the rate, for a pause, for what cannot wait, or for an equal one",
            self.throttled.clone(),
        );
    }

    /// Counts a request until it is answered, or given up.
    pub(crate) fn begin(&self, origin: &Origin) -> UnderWay<'_> {
        let host = self.host(origin);
        self.under_way.get_or_create(&At { host: host.clone() }).inc();
        UnderWay { metrics: self, host }
    }

    /// Counts a request that was not made at once.
    pub(crate) fn throttled(&self, origin: &Origin, how: How) {
        self.throttled.get_or_create(&Throttled { host: self.host(origin), how }).inc();
    }

    /// The name under which a host is counted.
    pub(crate) fn host(&self, origin: &Origin) -> String {
        let name = origin.to_string();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        match hosts.contains(&name) || (hosts.len() < MAX_HOSTS && hosts.insert(name.clone())) {
            true => name,
            false => OTHER.to_owned(),
        }
    }
}

/// How long registries want to be left alone, as of now.
pub(crate) struct Pauses {
    pub(crate) accounts: Accounts,
    pub(crate) metrics: Metrics,
}

impl fmt::Debug for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pauses")
    }
}

impl Collector for Pauses {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let help =
            "For how long a registry has asked not to be asked, in seconds; of several accounts, the longest";
        let name = "tagger_registry_paused_seconds";
        let mut longest: BTreeMap<String, f64> = BTreeMap::new();
        for (origin, left) in self.accounts.pauses() {
            let seconds = longest.entry(self.metrics.host(&origin)).or_default();
            *seconds = seconds.max(left.as_secs_f64());
        }
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (host, seconds) in longest {
            ConstGauge::new(seconds).encode(family.encode_family(&At { host })?)?;
        }
        Ok(())
    }
}

impl UnderWay<'_> {
    /// Counts what came of it.
    pub(crate) fn answered(self, outcome: &Result<Response, Fault>) {
        let code = match outcome {
            Ok(response) => response.status().as_str().to_owned(),
            Err(fault) => fault.reason().to_owned(),
        };
        self.metrics.requests.get_or_create(&Answered { host: self.host.clone(), code }).inc();
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.metrics.under_way.get_or_create(&At { host: self.host.clone() }).dec();
    }
}

impl EncodeLabelValue for How {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), fmt::Error> {
        encoder.write_str(match self {
            Self::Rate => "rate",
            Self::Pause => "pause",
            Self::Patient => "patient",
            Self::Merged => "merged",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_beyond_the_first_ones_are_counted_as_one() {
        let metrics = Metrics::default();
        let origin = |number: usize| Origin::of(&format!("https://r{number}.io/").parse().unwrap()).unwrap();
        let hosts: HashSet<String> = (0..1000).map(|number| metrics.host(&origin(number))).collect();
        assert_eq!(hosts.len(), MAX_HOSTS + 1);
        assert_eq!((metrics.host(&origin(0)), metrics.host(&origin(999))), ("r0.io".into(), OTHER.into()));
    }
}
