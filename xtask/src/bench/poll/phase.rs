//! What is seen while the registries are in one state.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use tagger_testkit::operator::Operator;
use tokio::time::sleep;

use super::rhythm::Rhythm;
use crate::bench::farm::{Farm, kinds};
use crate::bench::figures::{Spread, mebibytes};
use crate::bench::processor;
use crate::bench::writes::{self, Counts, Writes};

/// The figures of a state.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Figures {
    pub(super) name: String,
    pub(super) seconds: f64,
    /// By method and kind, at the registries that are sound.
    pub(super) requests: BTreeMap<String, usize>,
    /// The same for each registry by itself, sound or not.
    pub(super) requests_by_registry: Vec<BTreeMap<String, usize>>,
    /// In seconds, at the registries that are sound.
    pub(super) lateness: Spread,
    /// How many requests came to the registry that is not sound.
    pub(super) requests_at_the_sick: Option<usize>,
    /// Seconds of processor time of the operator, in a second.
    pub(super) processor: f64,
    pub(super) memory_mebibytes: f64,
    pub(super) peak_mebibytes: f64,
    /// What the operator wrote to the API server.
    pub(super) writes: Counts,
}

/// States, one after the other.
pub(super) struct Phases<'a> {
    farm: &'a Farm,
    writes: &'a Writes,
    operator: &'a Operator,
    program: String,
    interval: Duration,
    rhythms: Vec<Rhythm>,
}

impl<'a> Phases<'a> {
    pub(super) fn new(
        farm: &'a Farm,
        writes: &'a Writes,
        operator: &'a Operator,
        program: String,
        interval: Duration,
    ) -> Self {
        let rhythms = farm.sources.iter().map(|_| Rhythm::default()).collect();
        Self { farm, writes, operator, program, interval, rhythms }
    }

    /// Lets time pass that is not measured, but for when each Tag was polled last.
    pub(super) async fn forget_while(&mut self, passing: impl Future<Output = ()>) {
        self.farm.take_requests();
        passing.await;
        let end = Instant::now();
        for (rhythm, requests) in self.rhythms.iter_mut().zip(self.farm.take_requests()) {
            rhythm.lateness(&requests, end, self.interval);
        }
    }

    /// Measures for so long; the registry of the number `sick` is not sound.
    pub(super) async fn measure(
        &mut self,
        name: &str,
        measuring: Duration,
        sick: Option<usize>,
    ) -> Result<Figures> {
        eprintln!("{name}: measuring for {measuring:?}");
        self.operator.forget_peak()?;
        let (written, used, start) = (self.writes.counts()?, processor::used(), Instant::now());
        sleep(measuring).await;
        let (end, used) = (Instant::now(), processor::since(&used));
        let requests = self.farm.take_requests();
        let seconds = end.duration_since(start).as_secs_f64();
        let mut lateness = Vec::new();
        for (number, (rhythm, requests)) in self.rhythms.iter_mut().zip(&requests).enumerate() {
            let late = rhythm.lateness(requests, end, self.interval);
            if sick != Some(number) {
                lateness.extend(late);
            }
        }
        let sound = requests.iter().enumerate().filter(|(number, _)| sick != Some(*number));
        let (memory, peak) = self.operator.memory()?;
        Ok(Figures {
            name: name.to_owned(),
            seconds,
            requests: kinds(sound.flat_map(|(_, requests)| requests)),
            requests_by_registry: requests.iter().map(kinds).collect(),
            lateness: Spread::of(lateness),
            requests_at_the_sick: sick.and_then(|sick| requests.get(sick)).map(Vec::len),
            processor: used.get(&self.program).copied().unwrap_or_default() / seconds,
            memory_mebibytes: mebibytes(memory),
            peak_mebibytes: mebibytes(peak),
            writes: writes::between(&written, &self.writes.counts()?),
        })
    }
}
