//! What notifications are measured on, and what is seen while they come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde::Serialize;
use tagger_testkit::notifier::notification;
use tagger_testkit::operator::Operator;
use tagger_testkit::proxy::Recorded;
use tokio::time::sleep;

use super::load::{self, Door};
use crate::bench::arrivals::Arrivals;
use crate::bench::cluster;
use crate::bench::farm::{Farm, Followed, kinds};
use crate::bench::figures::{Spread, mebibytes};
use crate::bench::processor::{self, Seconds};
use crate::bench::writes::{self, Counts, Writes};

/// How long nobody asks the registry for anything, and nothing is written, once all is done.
pub(super) const QUIET: Duration = Duration::from_secs(3);

/// All the parts.
pub(super) struct Scene {
    pub(super) farm: Farm,
    pub(super) operator: Operator,
    pub(super) arrivals: Arrivals,
    pub(super) writes: Writes,
    pub(super) door: Arc<Door>,
    pub(super) connections: usize,
}

/// What happens: which notifications come, and what they should lead to.
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) notifications: Vec<Bytes>,
    /// The generation that Tags should come to, and how many of them.
    pub(super) awaited: Option<(i64, usize)>,
}

/// What was seen.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Figures {
    pub(super) name: String,
    pub(super) notifications: usize,
    /// Until the last of them was answered.
    pub(super) seconds: f64,
    pub(super) latency_milliseconds: Spread,
    pub(super) codes: BTreeMap<String, usize>,
    /// From the first notification until the last Tag was Ready at the generation that was awaited.
    pub(super) ready_seconds: Option<f64>,
    /// From the first notification to the last request at the registry.
    pub(super) asked_seconds: f64,
    /// What the registry was asked, by method and kind.
    pub(super) requests: BTreeMap<String, usize>,
    /// How many generations were made, of all Tags.
    pub(super) generations: i64,
    pub(super) writes: Counts,
    pub(super) before_mebibytes: f64,
    pub(super) peak_mebibytes: f64,
    pub(super) after_mebibytes: f64,
    /// Until all was quiet again.
    pub(super) processor_seconds: Seconds,
}

impl Scene {
    /// The notification that the Tag of this number is to hear of.
    pub(super) fn notification(&self, id: usize, number: usize, digest: &str) -> Bytes {
        let Followed { source, repository, tag } = self.farm.followed(number);
        notification(id, &self.farm.sources[*source].address(), repository, tag, digest).into()
    }

    /// A notification for each of the first `count` Tags, of the image that it has in this version.
    pub(super) fn of_each(&self, count: usize, version: u64) -> Result<Vec<Bytes>> {
        (0..count)
            .map(|number| Ok(self.notification(number, number, &self.farm.digest(number, version)?)))
            .collect()
    }

    /// Lets it happen, and looks until the registry is left alone again.
    pub(super) async fn measure(&self, event: Event) -> Result<Figures> {
        let Event { name, notifications, awaited } = event;
        let count = notifications.len();
        eprintln!("{name}: {count} notifications");
        let (before, _) = self.operator.memory()?;
        self.operator.forget_peak()?;
        let (written, generations, used) = (self.writes.counts()?, self.generations(), processor::used());
        self.farm.take_requests();
        let start = Instant::now();
        let told = load::post(&self.door, self.connections, notifications).await;
        let told = told.with_context(|| cluster::log_of(&self.operator))?;
        let ready = match awaited {
            None => None,
            Some((generation, count)) => {
                let ready = self.arrivals.at(generation, count).await;
                Some(ready.with_context(|| cluster::log_of(&self.operator))?)
            }
        };
        let requests = self.until_quiet().await;
        self.writes.settle(QUIET).await?;
        let (after, peak) = self.operator.memory()?;
        let since = |moment: Instant| moment.duration_since(start).as_secs_f64();
        Ok(Figures {
            name: name.to_owned(),
            notifications: count,
            seconds: told.took.as_secs_f64(),
            latency_milliseconds: Spread::of(told.latencies),
            codes: told.codes,
            ready_seconds: ready.map(since),
            asked_seconds: requests.last().map_or(0.0, |last| since(last.at)),
            requests: kinds(&requests),
            generations: self.generations() - generations,
            writes: writes::between(&written, &self.writes.counts()?),
            before_mebibytes: mebibytes(before),
            peak_mebibytes: mebibytes(peak),
            after_mebibytes: mebibytes(after),
            processor_seconds: processor::since(&used),
        })
    }

    /// What was asked until nobody asked any more, in the order of time.
    async fn until_quiet(&self) -> Vec<Recorded> {
        let mut all: Vec<Recorded> = Vec::new();
        loop {
            sleep(QUIET).await;
            let new = self.farm.take_requests();
            if new.iter().all(Vec::is_empty) {
                all.sort_by_key(|request| request.at);
                return all;
            }
            all.extend(new.into_iter().flatten());
        }
    }

    /// How many generations all Tags have had so far.
    fn generations(&self) -> i64 {
        let tags = self.arrivals.tags();
        let newest = tags.iter().filter_map(|tag| tag.status.as_ref()?.references.newest());
        newest.map(|newest| newest.generation + 1).sum()
    }
}
