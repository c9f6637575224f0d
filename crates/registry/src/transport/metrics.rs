//! What is counted of the requests to registries, for Prometheus.

mod hosts;

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use reqwest::Response;
use tokio::time::Instant;

use super::account::Accounts;
use super::origin::Origin;
use crate::fault::Fault;
use hosts::Hosts;

/// The upper ends of the histogram's buckets, in seconds.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// The statuses that are told apart. What answers is whatever a Tag names, and it may answer any number.
const STATUSES: [u16; 25] = [
    200, 201, 202, 204, 206, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 408, 409, 413, 416, 429, 500,
    501, 502, 503, 504,
];
/// All statuses beyond those.
const ANOTHER: &str = "another";

/// Counts requests. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    hosts: Arc<Mutex<Hosts>>,
    requests: Family<Answered, Counter>,
    durations: Family<At, Histogram, fn() -> Histogram>,
    in_flight: Family<At, Gauge>,
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
pub(crate) struct InFlight<'a> {
    metrics: &'a Metrics,
    since: Instant,
    at: At,
    gauge: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram = || Histogram::new(BUCKETS);
        Self {
            hosts: Arc::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram as fn() -> Histogram),
            in_flight: Family::default(),
            throttled: Family::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("tagger_registry");
        let help = "Requests for a registry, token servers and redirects included, by the status that was answered, or else by what failed";
        registry.register("requests", help, self.requests.clone());
        let help = "Time from a request for a registry to the head of its answer, or to its failure";
        registry.register_with_unit("request_duration", help, Unit::Seconds, self.durations.clone());
        let help = "Requests for a registry that have not been answered yet";
        registry.register("requests_in_flight", help, self.in_flight.clone());
        let help = "Requests that waited or were not made: for the rate, for a pause, for what cannot wait, or for an equal one";
        registry.register("throttled", help, self.throttled.clone());
    }

    /// Registers every metric with one sample of each word that a label may have.
    pub(crate) fn specimen(registry: &mut Registry) {
        let (metrics, host) = (Self::default(), "registry.example".to_owned());
        metrics.register(registry);
        let at = At { host: host.clone() };
        metrics.requests.get_or_create(&Answered { host: host.clone(), code: "200".to_owned() }).inc();
        metrics.durations.get_or_create(&at).observe(0.0);
        metrics.in_flight.get_or_create(&at).inc();
        for how in How::ALL {
            metrics.throttled.get_or_create(&Throttled { host: host.clone(), how }).inc();
        }
        registry.register_collector(Box::new(Pauses::specimen(host)));
    }

    /// Takes note of a registry that somebody named: it is told apart from others, as far as there is room.
    pub(crate) fn name(&self, origin: &Origin) {
        let gone = self.hosts().name(origin, Instant::now());
        if let Some((host, codes)) = gone {
            for code in codes {
                self.requests.remove(&Answered { host: host.clone(), code: code.to_owned() });
            }
            for how in How::ALL {
                self.throttled.remove(&Throttled { host: host.clone(), how });
            }
            let at = At { host };
            self.durations.remove(&at);
            self.in_flight.remove(&at);
        }
    }

    /// Counts a request until it is answered, or given up.
    pub(crate) fn begin(&self, origin: &Origin) -> InFlight<'_> {
        let at = At { host: self.host(origin) };
        // Its own, so that one which outlives the series of its host takes nothing from another one.
        let gauge = self.in_flight.get_or_create_owned(&at);
        gauge.inc();
        InFlight { metrics: self, since: Instant::now(), at, gauge }
    }

    /// Counts a request that was not made at once.
    pub(crate) fn throttled(&self, origin: &Origin, how: How) {
        self.throttled.get_or_create(&Throttled { host: self.host(origin), how }).inc();
    }

    /// The name under which a host is counted.
    pub(crate) fn host(&self, origin: &Origin) -> String {
        self.hosts().label(origin)
    }

    fn hosts(&self) -> MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long registries want to be left alone, as of now.
pub(crate) struct Pauses(Box<dyn Fn() -> BTreeMap<String, f64> + Send + Sync>);

impl Pauses {
    /// Those of these accounts, as of each moment that they are asked for.
    pub(crate) fn of(accounts: Accounts, metrics: Metrics) -> Self {
        Self(Box::new(move || {
            let mut longest: BTreeMap<String, f64> = BTreeMap::new();
            for (origin, left) in accounts.pauses() {
                let seconds = longest.entry(metrics.host(&origin)).or_default();
                *seconds = seconds.max(left.as_secs_f64());
            }
            longest
        }))
    }

    fn specimen(host: String) -> Self {
        Self(Box::new(move || [(host.clone(), 0.0)].into()))
    }
}

impl fmt::Debug for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pauses")
    }
}

impl Collector for Pauses {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let help =
            "For how long a registry has asked not to be asked, as of now; of several accounts, the longest.";
        let (name, unit) = ("tagger_registry_paused", Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?;
        for (host, seconds) in (self.0)() {
            ConstGauge::new(seconds).encode(family.encode_family(&At { host })?)?;
        }
        Ok(())
    }
}

impl InFlight<'_> {
    /// Counts what came of it.
    pub(crate) fn answered(self, outcome: &Result<Response, Fault>) {
        let code = match outcome {
            Ok(response) => status(response.status().as_u16()),
            Err(fault) => fault.reason().to_owned(),
        };
        let Self { metrics, since, at, .. } = &self;
        let at = At { host: metrics.hosts().counts(&at.host, &code) };
        metrics.durations.get_or_create(&at).observe(since.elapsed().as_secs_f64());
        metrics.requests.get_or_create(&Answered { host: at.host.clone(), code }).inc();
    }
}

fn status(told: u16) -> String {
    if STATUSES.contains(&told) { told.to_string() } else { ANOTHER.to_owned() }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

impl How {
    const ALL: [Self; 4] = [Self::Rate, Self::Pause, Self::Patient, Self::Merged];
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
    use rstest::rstest;

    fn origin(number: usize) -> Origin {
        Origin::of(&format!("https://r{number}.io/").parse().unwrap()).unwrap()
    }

    fn told(metrics: &Metrics) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        metrics.register(&mut registry);
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[rstest]
    #[case(404, "404")]
    #[case(418, ANOTHER)]
    #[case(999, ANOTHER)]
    fn a_status_that_no_registry_answers_makes_no_series(#[case] told: u16, #[case] counted: &str) {
        assert_eq!(status(told), counted);
    }

    #[tokio::test]
    async fn a_flood_of_hosts_makes_no_flood_of_series() {
        let metrics = Metrics::default();
        for number in 0..20_000 {
            // Those that Tags name, and those that registries send us to.
            if number % 2 == 0 {
                metrics.name(&origin(number));
            }
            let timeout = Err(Fault::Timeout { host: String::new() });
            metrics.begin(&origin(number)).answered(&timeout);
            metrics.throttled(&origin(number), How::Rate);
        }
        let counted = |name: &str| told(&metrics).lines().filter(|line| line.starts_with(name)).count();
        for name in
            ["requests_total{", "request_duration_seconds_count{", "requests_in_flight{", "throttled_total{"]
        {
            assert_eq!(counted(&format!("tagger_registry_{name}")), hosts::MOST + 1, "{name}");
        }
        assert_eq!(metrics.host(&origin(19_998)), hosts::OTHER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_nobody_asks_any_more_makes_room_with_all_that_was_counted() {
        let metrics = Metrics::default();
        (0..hosts::MOST).for_each(|number| metrics.name(&origin(number)));
        metrics.begin(&origin(0)).answered(&Err(Fault::Timeout { host: String::new() }));
        metrics.throttled(&origin(0), How::Merged);
        tokio::time::advance(hosts::IDLE).await;
        (1..hosts::MOST).for_each(|number| metrics.name(&origin(number)));
        metrics.name(&origin(777));
        assert_eq!(
            (metrics.host(&origin(777)), metrics.host(&origin(0))),
            ("r777.io".into(), hosts::OTHER.into())
        );
        assert!(!told(&metrics).contains("r0.io"), "{}", told(&metrics));
    }
}
