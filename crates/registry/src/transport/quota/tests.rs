use http::{HeaderName, HeaderValue};
use rstest::rstest;

use super::*;

/// Limit, remaining, reset and window, in seconds.
type Told = (Option<u64>, u64, Option<u64>, Option<u64>);

const NOW: u64 = 1_800_000_000;

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    fields.iter().map(field).collect()
}

fn quota((limit, remaining, reset, window): Told) -> Quota {
    let seconds = |seconds: Option<u64>| seconds.map(Duration::from_secs);
    Quota { limit, remaining, reset: seconds(reset), window: seconds(window) }
}

#[rstest]
#[case::docker_hub(&[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600"), ("docker-ratelimit-source", "192.0.2.1")],
    Some((Some(100), 76, None, Some(21600))))]
#[case::draft(&[("RateLimit-Limit", "100"), ("RateLimit-Remaining", "50"), ("RateLimit-Reset", "30")],
    Some((Some(100), 50, Some(30), None)))]
#[case::draft_with_policies(&[("ratelimit-limit", "10, 10;w=1, 50;w=60"), ("ratelimit-remaining", "9"), ("ratelimit-reset", "1")],
    Some((Some(10), 9, Some(1), Some(1))))]
#[case::in_one(&[("ratelimit", "limit=10, remaining=1, reset=7"), ("ratelimit-policy", "10;w=60")],
    Some((Some(10), 1, Some(7), Some(60))))]
#[case::in_one_without_policy(&[("ratelimit", "limit=10,remaining=1,reset=7")], Some((Some(10), 1, Some(7), None)))]
#[case::structured(&[("ratelimit", r#""default";r=50;t=30"#), ("ratelimit-policy", r#""default";q=100;w=60"#)],
    Some((Some(100), 50, Some(30), Some(60))))]
#[case::github(&[("x-ratelimit-limit", "5000"), ("x-ratelimit-remaining", "4999"), ("x-ratelimit-reset", "1800000120")],
    Some((Some(5000), 4999, Some(120), None)))]
#[case::a_date_that_is_over(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000000")],
    Some((None, 0, Some(0), None)))]
#[case::gitlab(&[("ratelimit-limit", "60"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "1800000030")],
    Some((Some(60), 0, Some(30), None)))]
#[case::hyphens(&[("x-rate-limit-limit", "10"), ("x-rate-limit-remaining", "2")], Some((Some(10), 2, None, None)))]
#[case::spaces(&[("ratelimit-limit", " 100 ; w=60 "), ("ratelimit-remaining", " 3 ;w=60")], Some((Some(100), 3, None, Some(60))))]
#[case::a_year(&[("ratelimit-limit", "10;w=31536000"), ("ratelimit-remaining", "1"), ("ratelimit-reset", "31536000")],
    Some((Some(10), 1, Some(86_400), Some(86_400))))]
#[case::remaining_alone(&[("ratelimit-remaining", "7")], Some((None, 7, None, None)))]
#[case::limit_alone(&[("ratelimit-limit", "100;w=21600")], None)]
#[case::nothing(&[], None)]
#[case::azure(&[("x-ms-ratelimit-remaining-calls-per-second", "166.65")], None)]
#[case::negative(&[("ratelimit-limit", "100"), ("ratelimit-remaining", "-1")], None)]
#[case::negative_reset(&[("ratelimit-remaining", "1"), ("ratelimit-reset", "-5")], Some((None, 1, None, None)))]
#[case::fraction(&[("ratelimit-remaining", "1.5")], None)]
#[case::words(&[("ratelimit-remaining", "many")], None)]
#[case::empty(&[("ratelimit-remaining", "")], None)]
#[case::more_than_a_number(&[("ratelimit-remaining", "99999999999999999999999")], None)]
#[case::no_limit(&[("ratelimit-limit", "0"), ("ratelimit-remaining", "0")], None)]
#[case::no_window(&[("ratelimit-limit", "10;w=0"), ("ratelimit-remaining", "1;w")], Some((Some(10), 1, None, None)))]
#[case::in_one_and_broken(&[("ratelimit", "limit=, remaining, reset=x")], None)]
fn what_is_left_is_read_or_not_believed(#[case] fields: &[(&str, &str)], #[case] told: Option<Told>) {
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    assert_eq!(Quota::read(&headers(fields), now), told.map(quota));
}

#[rstest]
#[case::plenty((Some(100), 76, None, Some(21600)), 0, None)]
#[case::a_quarter((Some(100), 25, None, Some(21600)), 0, None)]
#[case::docker_hub((Some(100), 24, None, Some(21600)), 0, Some(900))]
#[case::the_last_one((Some(100), 1, None, Some(21600)), 0, Some(3600))]
#[case::until_the_reset((Some(100), 10, Some(60), Some(3600)), 0, Some(6))]
#[case::nearer_to_the_reset((Some(100), 10, Some(60), Some(3600)), 30, Some(3))]
#[case::after_the_reset((Some(100), 10, Some(60), Some(3600)), 60, None)]
#[case::after_the_window((Some(100), 10, None, Some(3600)), 3600, None)]
#[case::none_left((Some(100), 0, Some(60), None), 20, Some(40))]
#[case::none_left_and_no_time_told((Some(60), 0, None, None), 0, Some(60))]
#[case::none_left_of_a_sliding_window((Some(100), 0, None, Some(21600)), 0, Some(216))]
#[case::none_left_of_what((None, 0, None, None), 0, Some(60))]
#[case::few_left_of_what((None, 1, None, None), 0, None)]
#[case::a_day((None, 0, Some(86_400), None), 0, Some(3600))]
#[case::huge((Some(u64::MAX), 1 << 40, None, Some(86_400)), 0, Some(0))]
fn what_is_left_is_made_to_last(#[case] told: Told, #[case] ago: u64, #[case] space: Option<u64>) {
    assert_eq!(quota(told).space(Duration::from_secs(ago)).map(|space| space.as_secs()), space);
}

#[rstest]
#[case::the_first(24, 0, None, None)]
#[case::after_another(24, 0, Some(0), Some(900))]
#[case::long_after_another(24, 0, Some(-1000), None)]
#[case::nothing_left(0, 0, None, Some(216))]
#[case::nothing_left_since_long(0, -300, None, None)]
#[case::nothing_left_and_one_has_looked(0, -300, Some(-16), Some(200))]
#[case::plenty(50, 0, Some(0), None)]
fn those_that_can_wait_come_one_by_one(
    #[case] remaining: u64,
    #[case] seen: i64,
    #[case] last: Option<i64>,
    #[case] wait: Option<u64>,
) {
    let now = Instant::now() + Duration::from_secs(10_000);
    let at = |seconds: i64| now - Duration::from_secs(seconds.unsigned_abs());
    let quota = quota((Some(100), remaining, None, Some(21600)));
    let next = quota.next_patient(at(seen), last.map(at), now);
    assert_eq!(next.map(|next| (next - now).as_secs()), wait);
}
