//! Registries that are busy or failing for a moment, or for longer.

use std::time::{Duration, SystemTime};

use rstest::rstest;
use tagger_registry::Retry;
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy};

use super::ends::*;

/// A request that a copy makes: at which end, of which method, about what.
type Step = (&'static str, &'static str, Kind);

fn at(ends: &Ends, (end, ..): Step) -> &Proxy {
    if end == "source" { &ends.source } else { &ends.destination }
}

fn like((_, method, kind): Step) -> Match {
    Match::kind(kind).method(method)
}

async fn fails(ends: &Ends, (end, ..): Step, reason: &str) -> tagger_registry::CopyError {
    match end {
        "source" => ends.fails_at_the_source(reason).await,
        _ => ends.fails_at_the_destination(reason).await,
    }
}

#[rstest]
#[tokio::test]
async fn a_burst_of_failures_at_any_step_is_lived_through_and_sends_nothing_twice(
    #[values(
        ("source", "HEAD", Kind::Manifest),
        ("source", "GET", Kind::Manifest),
        ("source", "GET", Kind::Blob),
        ("destination", "HEAD", Kind::Manifest),
        ("destination", "GET", Kind::Manifest),
        ("destination", "HEAD", Kind::Blob),
        ("destination", "POST", Kind::Upload),
        ("destination", "PUT", Kind::Manifest)
    )]
    step: Step,
    #[values(
        Fault::status(500),
        Fault::status(502).html(),
        Fault::status(503).header("Retry-After", "1"),
        Fault::status(429),
        Fault::status(429).header("Retry-After", "soon"),
        Fault::hang_up()
    )]
    fault: Fault,
) {
    let ends = Ends::start().await;
    at(&ends, step).fault(like(step).times(2), fault);
    ends.copy().await.unwrap();
    ends.assert_published().await;
    let whole: u64 = ends.image.blobs.iter().map(|blob| blob.bytes.len() as u64).sum();
    assert_eq!(ends.uploaded(), whole);
}

#[rstest]
#[case(Fault::status(500))]
#[case(Fault::status(502).html())]
#[case(Fault::status(503).header("Retry-After", "0"))]
#[case(Fault::status(429))]
#[case(Fault::hang_up())]
#[tokio::test]
async fn a_blob_that_is_refused_for_a_moment_is_sent_again(#[case] fault: Fault) {
    let ends = Ends::start().await;
    ends.destination.fault(Match::upload().method("PUT").times(1), fault);
    ends.copy().await.unwrap();
    ends.assert_published().await;
}

#[rstest]
#[tokio::test]
async fn a_failure_that_stays_is_told_with_its_end_and_leaves_nothing_by_half(
    #[values(
        ("source", "HEAD", Kind::Manifest),
        ("source", "GET", Kind::Manifest),
        ("source", "GET", Kind::Blob),
        ("destination", "GET", Kind::Manifest),
        ("destination", "HEAD", Kind::Blob),
        ("destination", "POST", Kind::Upload),
        ("destination", "PUT", Kind::Upload),
        ("destination", "PUT", Kind::Manifest)
    )]
    step: Step,
) {
    let ends = Ends::start().await;
    at(&ends, step).fault(like(step), Fault::status(503).html());
    let error = fails(&ends, step, "ServerError").await;
    assert_eq!(error.retry(), Retry::Soon);
    assert!(error.to_string().contains("the registry fails (HTTP 503)"), "{error}");
    assert!(!format!("{error:?}").contains("Unavailable"), "{error:?}");
    ends.heals().await;
}

#[rstest]
#[tokio::test]
async fn a_wait_that_is_longer_than_our_patience_is_told_at_once(
    #[values(
        ("source", "HEAD", Kind::Manifest),
        ("source", "GET", Kind::Manifest),
        ("destination", "GET", Kind::Manifest),
        ("destination", "POST", Kind::Upload),
        ("destination", "PUT", Kind::Upload),
        ("destination", "PUT", Kind::Manifest)
    )]
    step: Step,
    #[values("60", "a date", "99999999999999999999999")] asked: &str,
) {
    let ends = Ends::start().await;
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
    let asked = if asked == "a date" { &date } else { asked };
    at(&ends, step).fault(like(step), Fault::status(429).header("Retry-After", asked));
    let error = fails(&ends, step, "RateLimited").await;
    let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
    assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(3600), "{wait:?}");
    assert!(error.to_string().contains("is asked again in"), "{error}");
    ends.heals().await;
}
