//! What of a write passes in Tagger, by its own metrics.

use anyhow::{Context, Result};
use tagger_testkit::operator::Operator;

/// What Tagger itself says of the time that it spent on reviews.
pub(super) struct Spent {
    seconds: f64,
    reviews: f64,
}

impl Spent {
    /// All that it spent since it started.
    pub(super) async fn so_far(operator: &Operator) -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let told = client.get(operator.metrics_url()).send().await?.error_for_status()?.text().await?;
        let of = |part: &str| {
            let name = format!("tagger_admission_review_duration_seconds_{part}{{webhook=\"mutate\"}} ");
            let line = told.lines().find_map(|line| line.strip_prefix(&name));
            line.with_context(|| format!("Tagger tells no {name}"))?
                .trim()
                .parse::<f64>()
                .context("read a metric")
        };
        Ok(Self { seconds: of("sum")?, reviews: of("count")? })
    }

    /// How long a review took on average, in milliseconds.
    pub(super) fn mean_since(&self, before: &Self) -> f64 {
        1000.0 * (self.seconds - before.seconds) / (self.reviews - before.reviews).max(1.0)
    }
}
