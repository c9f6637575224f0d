//! Whether an operator that starts anew asks for everything at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use tagger_testkit::operator::Operator;
use tokio::time::sleep;

use crate::bench::farm::{Farm, kinds};

/// What the registries saw in the first interval of a new operator, all of them together.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Restart {
    /// How long the operator took to be ready.
    pub(super) ready_seconds: f64,
    /// By method and kind.
    pub(super) requests: BTreeMap<String, usize>,
    /// How many came in each second since the start.
    pub(super) each_second: Vec<usize>,
}

/// Starts the operator again and looks at its first interval.
pub(super) async fn measure(farm: &Farm, operator: &Operator, interval: Duration) -> Result<Restart> {
    eprintln!("starting the operator again: measuring for {interval:?}");
    operator.stop()?;
    farm.take_requests();
    let start = Instant::now();
    operator.start_again().await?;
    let ready_seconds = start.elapsed().as_secs_f64();
    sleep(interval.saturating_sub(start.elapsed())).await;
    let requests = farm.take_requests();
    let moments = requests.iter().flatten().map(|request| request.at.duration_since(start));
    Ok(Restart { ready_seconds, requests: kinds(requests.iter().flatten()), each_second: by_second(moments) })
}

fn by_second(moments: impl Iterator<Item = Duration>) -> Vec<usize> {
    let mut each = Vec::new();
    for moment in moments {
        let second = usize::try_from(moment.as_secs()).unwrap_or(usize::MAX);
        if each.len() <= second {
            each.resize(second + 1, 0);
        }
        each[second] += 1;
    }
    each
}

impl Restart {
    /// How many requests came in the first so many seconds.
    pub(super) fn first(&self, seconds: usize) -> usize {
        self.each_second.iter().take(seconds).sum()
    }

    /// How many came in the second in which most came.
    pub(super) fn most(&self) -> usize {
        self.each_second.iter().max().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_the_second_they_came_in() {
        let moments = [0, 999, 1000, 3000, 3001].map(Duration::from_millis);
        let restart = Restart { each_second: by_second(moments.into_iter()), ..Restart::default() };
        assert_eq!(restart.each_second, [2, 1, 0, 2]);
        assert_eq!((restart.first(2), restart.first(60), restart.most()), (3, 5, 2));
    }
}
