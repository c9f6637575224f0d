use proptest::prelude::*;
use rstest::rstest;

use super::*;

const NIGHTLY: &str = "0 3 * * *";

fn at(moment: &str) -> Timestamp {
    moment.parse().unwrap()
}

fn every(minutes: u64) -> Tracking {
    Tracking { interval: Some(Duration::from_secs(60 * minutes)), ..Tracking::default() }
}

fn on(schedule: &str, zone: &str) -> Tracking {
    Tracking { schedule: Some(Schedule::new(schedule, Some(zone)).unwrap()), ..Tracking::default() }
}

/// How long after `from` the Tags of some seeds are due: the first of them, and the last.
fn due(tracking: &Tracking, last: Option<&str>, started: &str, now: &str, from: &str) -> (f64, f64) {
    let next = |seed| tracking.next(seed, last.map(at), at(started), at(now)).unwrap();
    let minutes = |seed| next(seed).duration_since(at(from)).as_secs_f64() / 60.0;
    let all: Vec<f64> = (0..1000).map(minutes).collect();
    (all.iter().copied().fold(f64::MAX, f64::min), all.iter().copied().fold(f64::MIN, f64::max))
}

/// Within these bounds, and using most of the room between them.
fn assert_spread((first, last): (f64, f64), from: f64, to: f64) {
    assert!(first >= from && last <= to, "{first} to {last}, not {from} to {to}");
    assert!(last - first >= (to - from) * 0.9, "{first} to {last} is not spread over {from} to {to}");
}

#[test]
fn pushes_alone_are_never_due() {
    let tracking = Tracking { push: true, ..Tracking::default() };
    let now = at("2026-01-01T00:00:00Z");
    assert_eq!(tracking.next(1, None, now, now), None);
    assert_eq!(tracking.next(1, Some(now), now, now), None);
}

#[rstest]
#[case::never_looked_at(None, 0.0, 60.0)]
#[case::long_ago(Some("2025-06-01T00:00:00Z"), 0.0, 60.0)]
#[case::in_the_future(Some("2026-01-02T00:00:00Z"), 0.0, 60.0)]
fn after_a_start_looks_are_spread_over_a_whole_interval(
    #[case] last: Option<&str>,
    #[case] from: f64,
    #[case] to: f64,
) {
    let started = "2026-01-01T12:00:00Z";
    assert_spread(due(&every(60), last, started, started, started), from, to);
}

#[test]
fn a_look_shortly_before_the_start_still_counts() {
    let started = "2026-01-01T12:00:00Z";
    let (first, last) = due(&every(60), Some("2026-01-01T11:50:00Z"), started, started, started);
    assert!((50.0..51.0).contains(&first) && (50.0..60.0).contains(&last), "{first} to {last}");
}

#[test]
fn a_process_that_starts_often_leaves_no_tag_out() {
    let began = at("2026-01-01T00:00:00Z");
    let day = Tracking { interval: Some(Duration::from_secs(86_400)), ..Tracking::default() };
    let starts = || (0..30).map(|n| later(began, SignedDuration::from_hours(12 * n)));
    let in_time = |seed: u64| {
        starts().any(|started| {
            day.next(seed, None, started, started).unwrap() < later(started, SignedDuration::from_hours(12))
        })
    };
    assert!((0..100).all(in_time));
}

#[test]
fn after_a_look_the_next_comes_an_interval_and_up_to_a_tenth_later() {
    let (started, last, now) = ("2026-01-01T00:00:00Z", "2026-01-01T12:00:00Z", "2026-01-01T12:30:00Z");
    assert_spread(due(&every(60), Some(last), started, now, last), 60.0, 66.0);
}

#[test]
fn the_tenth_is_another_one_each_time_and_the_same_for_the_same_look() {
    let started = at("2026-01-01T00:00:00Z");
    let next = |last: Timestamp| every(60).next(7, Some(last), started, last).unwrap();
    let (one, other) = (at("2026-01-01T12:00:00Z"), at("2026-01-01T13:00:00Z"));
    assert_eq!(next(one), next(one));
    assert_ne!(next(one).duration_since(one), next(other).duration_since(other));
}

#[test]
fn what_is_overdue_was_due_before_now() {
    let (started, last) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T12:00:00Z"));
    let now = at("2026-01-05T00:00:00Z");
    assert!(every(60).next(7, Some(last), started, now).unwrap() < now);
    assert!(every(60).next(7, None, started, now).unwrap() < now, "one that was never looked at");
    assert!(on(NIGHTLY, "UTC").next(7, Some(last), started, now).unwrap() < now);
}

#[test]
fn a_clock_that_was_set_back_a_little_counts_as_now() {
    let (started, last, now) = ("2026-01-01T00:00:00Z", "2026-01-01T12:01:00Z", "2026-01-01T12:00:00Z");
    assert_spread(due(&every(60), Some(last), started, now, now), 60.0, 66.0);
    assert_spread(due(&every(60), None, last, now, now), 0.0, 60.0);
}

#[test]
fn a_clock_that_was_set_back_a_lot_stops_nothing() {
    let (ahead, now) = (at("2027-01-01T00:00:00Z"), at("2026-01-01T12:00:00Z"));
    for tracking in [every(60), on(NIGHTLY, "UTC")] {
        assert_eq!(tracking.next(7, Some(ahead), ahead, now), Some(now));
        assert_eq!(tracking.next(7, None, ahead, now), Some(now));
        let after = tracking.next(7, Some(now), ahead, now).unwrap();
        assert!(
            after > later(now, SignedDuration::from_mins(59)),
            "once it was looked at, all is well: {after}"
        );
    }
}

#[rstest]
#[case::each_night(NIGHTLY, "2026-01-02T03:00:00Z", 1.0)]
#[case::each_hour("0 * * * *", "2026-01-01T13:00:00Z", 1.0)]
#[case::each_minute("* * * * *", "2026-01-01T12:01:00Z", 0.1)]
#[case::each_five_minutes("*/5 * * * *", "2026-01-01T12:05:00Z", 0.5)]
fn a_tick_is_spread_over_a_minute_or_a_tenth_of_the_way_to_the_next(
    #[case] schedule: &str,
    #[case] tick: &str,
    #[case] to: f64,
) {
    let (started, last, now) = ("2025-12-31T00:00:00Z", "2026-01-01T12:00:30Z", "2026-01-01T12:00:31Z");
    assert_spread(due(&on(schedule, "UTC"), Some(last), started, now, tick), 0.0, to);
}

#[test]
fn a_look_within_the_spread_of_a_tick_is_that_of_the_tick() {
    let (started, last) = (at("2025-12-31T00:00:00Z"), at("2026-01-01T03:00:00Z"));
    let next = on(NIGHTLY, "UTC").next(7, Some(last), started, last).unwrap();
    assert!(next >= at("2026-01-02T03:00:00Z"), "{next}");
}

#[rstest]
#[case::nobody_ran(None)]
#[case::looked_before_it(Some("2026-01-01T02:59:59Z"))]
fn a_tick_that_was_missed_is_caught_up_within_a_minute(#[case] last: Option<&str>) {
    let started = "2026-01-01T03:40:00Z";
    assert_spread(due(&on(NIGHTLY, "UTC"), last, started, started, started), 0.0, 1.0);
}

#[rstest]
#[case::looked_after_it(Some("2026-01-01T03:00:10Z"), "2026-01-01T03:40:00Z")]
#[case::too_long_ago(None, "2026-01-01T04:00:01Z")]
fn a_tick_that_was_not_missed_is_not_caught_up(#[case] last: Option<&str>, #[case] started: &str) {
    let tick = "2026-01-02T03:00:00Z";
    assert_spread(due(&on(NIGHTLY, "UTC"), last, started, started, tick), 0.0, 1.0);
}

#[rstest]
#[case::the_interval("2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z", 0.0, 6.0)]
#[case::the_schedule("2026-01-01T02:30:00Z", "2026-01-01T03:00:00Z", 0.0, 1.0)]
fn of_interval_and_schedule_the_first_counts(
    #[case] last: &str,
    #[case] due_from: &str,
    #[case] from: f64,
    #[case] to: f64,
) {
    let both = Tracking { push: false, ..every(60) };
    let both = Tracking { schedule: on(NIGHTLY, "UTC").schedule, ..both };
    assert_spread(due(&both, Some(last), "2025-12-31T00:00:00Z", last, due_from), from, to);
}

proptest! {
    #[test]
    fn never_earlier_than_the_interval_after_the_last_look(
        seed: u64, last in 0_i64..4_000_000_000, started in 0_i64..4_000_000_000, ago in 0_i64..4_000_000, minutes in 1_u64..100_000,
    ) {
        let second = |second| Timestamp::from_second(second).unwrap();
        let now = second(last.max(started) + ago);
        let next = every(minutes).next(seed, Some(second(last)), second(started), now).unwrap();
        prop_assert!(next.duration_since(second(last)) >= SignedDuration::from_mins(minutes as i64));
        let latest = last.max(started) + (minutes as i64) * 66 + 1;
        prop_assert!(next <= second(latest));
    }

    #[test]
    fn no_moment_and_no_length_panics(seed: u64, last: Option<i64>, started: i64, now: i64, seconds: u64) {
        let moment = |any: i64| Timestamp::from_second(any % 253_402_200_000).unwrap();
        let tracking = Tracking { interval: Some(Duration::from_secs(seconds)), ..on("0 0 29 2 *", "Europe/Zurich") };
        let now = moment(now.saturating_abs());
        tracking.next(seed, last.map(moment), moment(started.saturating_abs()), now);
    }
}
