//! When a request is made again: pure, with time and chance as arguments.

use std::time::{Duration, SystemTime};

use crate::error::Retry;
use crate::fault::Fault;
use crate::settings::Limits;

/// No registry is waited for longer than this, whatever it says.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date. None where it is neither; never more than an hour.
pub(crate) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    let wait = match !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a number holds is long enough to be cut.
        true => header.parse().map_or(LONGEST_RETRY_AFTER, Duration::from_secs),
        false => httpdate::parse_http_date(header).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// Says how long to wait before the same request is made again, or that it is not.
///
/// `tries` were made; `left` is the time until the whole must be done; `chance` is from 0 to 1. What the registry asks
/// for counts where it fits into the patience of the limits; where it does not, the caller is told rather than kept.
pub(crate) fn wait(
    fault: &Fault,
    tries: u32,
    limits: &Limits,
    left: Duration,
    chance: f64,
) -> Option<Duration> {
    if tries >= limits.tries || !fault.passes_soon() {
        return None;
    }
    let backoff = limits.backoff.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(limits.patience);
    let jittered = backoff.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
    let wait = match fault.retry() {
        Retry::After(asked) if asked > limits.patience => return None,
        Retry::After(asked) => asked.max(jittered),
        _ => jittered,
    };
    (wait < left).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("0", Some(0))]
    #[case("30", Some(30))]
    #[case(" 30 ", Some(30))]
    #[case("99999", Some(3600))]
    #[case("99999999999999999999999999", Some(3600))]
    #[case("-1", None)]
    #[case("1.5", None)]
    #[case("soon", None)]
    #[case("", None)]
    #[case("Sun, 06 Nov 1994 08:49:47 GMT", Some(10))]
    #[case("Sun, 06 Nov 1994 08:49:27 GMT", Some(0))]
    #[case("Fri, 31 Dec 9999 23:59:59 GMT", Some(3600))]
    #[case("Sun, 06 Nov 1994", None)]
    fn retry_after_is_seconds_or_a_date(#[case] header: &str, #[case] seconds: Option<u64>) {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(retry_after(header, now).map(|wait| wait.as_secs()), seconds, "{header}");
    }

    const LEFT: Duration = Duration::from_secs(30);

    fn limited(seconds: Option<u64>) -> Fault {
        Fault::RateLimited { retry_after: seconds.map(Duration::from_secs) }
    }

    #[rstest]
    #[case::first(limited(None), 1, 0.0, Some(100))]
    #[case::first_jittered(limited(None), 1, 1.0, Some(200))]
    #[case::second(limited(None), 2, 1.0, Some(400))]
    #[case::enough_tries(limited(None), 3, 1.0, None)]
    #[case::asked_for(limited(Some(2)), 1, 1.0, Some(2000))]
    #[case::asked_for_at_once(limited(Some(0)), 1, 1.0, Some(200))]
    #[case::asked_for_too_much(limited(Some(60)), 1, 1.0, None)]
    #[case::the_server_fails(Fault::ServerError { status: 503, retry_after: None }, 1, 1.0, Some(200))]
    #[case::not_there(Fault::NotFound, 1, 1.0, None)]
    fn a_request_is_made_again_while_it_is_worth_it(
        #[case] fault: Fault,
        #[case] tries: u32,
        #[case] chance: f64,
        #[case] milliseconds: Option<u64>,
    ) {
        let wait = wait(&fault, tries, &Limits::default(), LEFT, chance);
        assert_eq!(wait, milliseconds.map(Duration::from_millis));
    }

    #[test]
    fn nothing_is_tried_again_that_no_time_is_left_for() {
        assert_eq!(wait(&limited(None), 1, &Limits::default(), Duration::from_millis(50), 0.0), None);
    }
}
