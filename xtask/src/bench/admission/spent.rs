//! Where the time of a write goes that the webhook is asked about, by the metrics of both who take part.

use anyhow::{Result, ensure};
use serde::Serialize;
use tagger_testkit::kubectl::Kubectl;
use tagger_testkit::operator::Operator;

/// All the time that was spent on reviews since the beginning.
pub(super) struct Spent {
    in_tagger: Reviews,
    asking: Reviews,
}

/// How long a review took on average, in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Mean {
    /// From the request as Tagger read it to its answer.
    pub(super) in_tagger: f64,
    /// From the API server's question to the answer that it read: that of Tagger, and what is between the two.
    pub(super) asking: f64,
}

/// So many reviews, and how long all of them took, in seconds.
#[derive(Debug, PartialEq)]
struct Reviews {
    count: f64,
    seconds: f64,
}

impl Spent {
    /// What Tagger and the API server say by now.
    pub(super) async fn so_far(operator: &Operator, kubectl: &Kubectl) -> Result<Self> {
        let told = operator.metrics().await?;
        let in_tagger =
            Reviews::told(&told, "tagger_admission_review_duration_seconds", "webhook=\"mutate\"");
        let told = kubectl.run(&["get", "--raw", "/metrics"]).await?;
        let metric = "apiserver_admission_webhook_admission_duration_seconds";
        Ok(Self { in_tagger, asking: Reviews::told(&told, metric, "name=\"workloads.images.io\"") })
    }

    /// How long a review took since then.
    pub(super) fn mean_since(&self, before: &Self) -> Result<Mean> {
        Ok(Mean {
            in_tagger: self.in_tagger.mean_since(&before.in_tagger)?,
            asking: self.asking.mean_since(&before.asking)?,
        })
    }
}

impl Reviews {
    /// What a histogram tells of those with this label: none before the first.
    fn told(metrics: &str, name: &str, label: &str) -> Self {
        let all = |part: &str| {
            let begin = format!("{name}_{part}{{");
            let lines = metrics.lines().filter(|line| line.starts_with(&begin) && line.contains(label));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
        };
        Self { count: all("count"), seconds: all("sum") }
    }

    fn mean_since(&self, before: &Self) -> Result<f64> {
        ensure!(self.count > before.count, "nobody tells of a review");
        Ok(1000.0 * (self.seconds - before.seconds) / (self.count - before.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "a_seconds_bucket{name=\"x\",type=\"admit\",le=\"0.1\"} 7\n\
                        a_seconds_sum{name=\"x\",type=\"admit\"} 0.25\na_seconds_count{name=\"x\",type=\"admit\"} 50\n\
                        a_seconds_sum{name=\"y\",type=\"admit\"} 0.5\na_seconds_count{name=\"y\",type=\"admit\"} 50\n\
                        a_seconds_sum{name=\"x\",type=\"validating\"} 9\na_seconds_count{name=\"x\",type=\"validating\"} 9\n";

    #[test]
    fn a_histogram_is_read_with_all_its_other_labels() {
        let told = Reviews::told(TOLD, "a_seconds", "type=\"admit\"");
        assert_eq!(told, Reviews { count: 100.0, seconds: 0.75 });
        assert_eq!(told.mean_since(&Reviews { count: 50.0, seconds: 0.5 }).unwrap(), 5.0);
        let none = Reviews::told(TOLD, "b_seconds", "type=\"admit\"");
        assert_eq!(none, Reviews { count: 0.0, seconds: 0.0 });
        assert!(none.mean_since(&none).is_err());
    }
}
