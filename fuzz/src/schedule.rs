//! `track`: an interval, a schedule and its time zone. The input is a line with the zone and one with the schedule; the whole is also
//! read as an interval.

use jiff::{SignedDuration, Timestamp};
use tagger_core::tracking::{SHORTEST_INTERVAL, Schedule, duration, interval};

use crate::{assert_harmless, head_and_body};

/// Moments around which ticks are looked for: summer time begins and ends in Europe, a leap day, the end of a year.
const MOMENTS: [i64; 5] = [1_774_745_999, 1_792_889_999, 1_709_164_800, 1_798_761_599, 0];

/// A tick is after the moment that is asked about, and is also the one after each moment in between.
pub fn check(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        length(text);
    }
    let (zone, rest) = head_and_body(input);
    let (text, _) = head_and_body(rest);
    let schedule = match Schedule::new(text, Some(zone).filter(|zone| !zone.is_empty())) {
        Ok(schedule) => schedule,
        Err(error) => return assert_harmless(&error.to_string(), text.len() + zone.len()),
    };
    for moment in MOMENTS.iter().filter_map(|second| Timestamp::from_second(*second).ok()) {
        let Some(tick) = schedule.after(moment) else { panic!("a schedule that comes has an end") };
        assert!(tick > moment);
        let middle = moment + tick.duration_since(moment) / 2;
        for between in [middle, tick - SignedDuration::from_secs(1)] {
            assert_eq!(schedule.after(between.max(moment)), Some(tick), "{schedule:?} after {between}");
        }
    }
}

fn length(text: &str) {
    match interval(text) {
        Ok(found) => assert!(found >= SHORTEST_INTERVAL && duration(text) == Some(found)),
        Err(error) => assert_harmless(&error.to_string(), text.len()),
    }
}
