//! How late registries are asked again, by the moments at which they were asked.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tagger_testkit::proxy::{Kind, Recorded};

/// The part of an interval that polls are spread over.
pub(super) const SPREAD: f64 = 0.1;

/// When each tag of a registry was asked for last.
#[derive(Default)]
pub(super) struct Rhythm(HashMap<String, Instant>);

impl Rhythm {
    /// How late each request for the digest of a tag was, in seconds: the time since the one before, without the interval.
    /// Early ones are negative, and up to a tenth of the interval is meant: polls are spread. A tag that is overdue by more
    /// than that at the `end` counts as if it were asked for then, so that what is never asked for is not overlooked.
    pub(super) fn lateness(&mut self, requests: &[Recorded], end: Instant, interval: Duration) -> Vec<f64> {
        let interval = interval.as_secs_f64();
        let mut late = Vec::new();
        for request in requests.iter().filter(|request| is_look(request)) {
            if let Some(last) = self.0.insert(request.path.clone(), request.at) {
                late.push(request.at.duration_since(last).as_secs_f64() - interval);
            }
        }
        let overdue =
            self.0.values().map(|last| end.saturating_duration_since(*last).as_secs_f64() - interval);
        late.extend(overdue.filter(|overdue| *overdue > interval * SPREAD));
        late
    }
}

/// Whether somebody asked for the digest of a tag, and not for what is in an image.
fn is_look(request: &Recorded) -> bool {
    request.kind == Kind::Manifest && request.method == "HEAD"
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagger_testkit::source::Source;

    /// A look at a tag, recorded by a real proxy and moved in time.
    async fn looks(tags: &[(&str, u64)], start: Instant) -> Vec<Recorded> {
        let source = Source::start(&[]).await.unwrap();
        let target = source.proxy().target().unwrap();
        for (tag, _) in tags {
            assert_eq!(target.digest("app", tag).await.unwrap(), None);
        }
        let mut requests = source.proxy().take_requests();
        for (request, (_, seconds)) in requests.iter_mut().zip(tags) {
            request.at = start + Duration::from_secs(*seconds);
        }
        requests
    }

    #[tokio::test]
    async fn what_is_asked_in_time_is_not_late_and_what_is_overdue_is() {
        let (start, interval) = (Instant::now(), Duration::from_secs(30));
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut rhythm = Rhythm::default();
        let first = looks(&[("a", 0), ("b", 1), ("a", 29)], start).await;
        assert_eq!(rhythm.lateness(&first, at(31), interval), [-1.0]);
        let second = looks(&[("a", 60)], start).await;
        assert_eq!(rhythm.lateness(&second, at(66), interval), [1.0, 35.0]);
    }
}
