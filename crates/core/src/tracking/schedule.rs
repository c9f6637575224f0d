use std::fmt;
use std::sync::Arc;

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, YEAR_UPPER_LIMIT};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

use crate::shown::on_one_line;

/// The moments of a cron schedule, in a time zone.
#[derive(Clone)]
pub struct Schedule {
    // Shared, since it takes some 5 KiB: keep none for each of many Tags.
    cron: Arc<Cron>,
    zone: TimeZone,
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The text is no cron schedule.
    #[error("{schedule:?} is no cron schedule of five fields, such as \"0 3 * * *\": {why}")]
    Cron {
        /// The text.
        schedule: String,
        /// What is wrong with it.
        why: String,
    },
    /// No day is ever of the schedule.
    #[error("{0:?} never comes; there is no such day")]
    Never(String),
    /// The time zone is not known.
    #[error("{0:?} is no IANA time zone, such as Europe/Zurich")]
    Zone(String),
}

impl Schedule {
    /// Reads a schedule of five fields: minute, hour, day of the month, month, day of the week. Without a time zone it
    /// is in UTC.
    pub fn new(schedule: &str, zone: Option<&str>) -> Result<Self, ScheduleError> {
        let wrong = |why: String| ScheduleError::Cron { schedule: schedule.to_owned(), why };
        let fields = schedule.split_whitespace().count();
        if fields != 5 {
            return Err(wrong(format!("it has {fields}")));
        }
        // The parser passes over them. A field of nothing else has no minute at all, for which it then looks for hours of our time.
        if schedule.split_whitespace().any(|field| field.split(',').any(str::is_empty)) {
            return Err(wrong("a value is missing beside a comma".to_owned()));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(schedule).map_err(|error| wrong(on_one_line(&error.to_string())))?;
        let zone = Self::zone(zone.unwrap_or("UTC"))?;
        match comes(&cron) {
            true => Ok(Self { cron: Arc::new(cron), zone }),
            false => Err(ScheduleError::Never(schedule.to_owned())),
        }
    }

    /// The time zone of this name.
    pub fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
        TimeZone::get(name).map_err(|_| ScheduleError::Zone(name.to_owned()))
    }

    /// The first moment of the schedule after this one. A time that a clock leaves out comes when the clock goes on; one
    /// that a clock has twice comes once, except where the schedule is one of every so many minutes or hours.
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let from = moment.to_zoned(self.zone.clone());
        self.cron.find_next_occurrence(&from, false).ok().map(|found| found.timestamp())
    }
}

/// Whether there is any such day. The calendar repeats itself after 400 years, so the last ones that are searched tell
/// it of all, and in the least time.
fn comes(cron: &Cron) -> bool {
    let first = i16::try_from(YEAR_UPPER_LIMIT - 400).unwrap_or_default();
    cron.find_next_occurrence(&date(first, 1, 1).at(0, 0, 0, 0), true).is_ok()
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.cron == other.cron && self.zone == other.zone
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {:?}", self.cron.as_str(), self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// The ticks after a moment, as the clock of the zone has them.
    fn ticks(schedule: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::new(schedule, Some(zone)).unwrap();
        let next = |moment: &Timestamp| schedule.after(*moment);
        let ticks = std::iter::successors(next(&after.parse().unwrap()), next).take(count);
        ticks
            .map(|tick| tick.to_zoned(schedule.zone.clone()).strftime("%Y-%m-%dT%H:%M%:z").to_string())
            .collect()
    }

    #[rstest]
    #[case::in_utc("0 3 * * *", "UTC", "2026-01-01T03:00:00Z", "2026-01-02T03:00+00:00")]
    #[case::to_the_second("0 3 * * *", "UTC", "2026-01-01T02:59:59.9Z", "2026-01-01T03:00+00:00")]
    #[case::in_zurich("0 3 * * *", "Europe/Zurich", "2026-01-01T02:00:00Z", "2026-01-02T03:00+01:00")]
    #[case::in_kathmandu("0 3 * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-01-02T03:00+05:45")]
    #[case::weekdays("0 3 * * mon-fri", "UTC", "2026-01-02T04:00:00Z", "2026-01-05T03:00+00:00")]
    #[case::sunday_is_7("0 3 * * 7", "UTC", "2026-01-01T00:00:00Z", "2026-01-04T03:00+00:00")]
    #[case::day_or_weekday("0 0 13 * 5", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00+00:00")]
    #[case::last_of_the_month("0 0 L 2 *", "UTC", "2027-12-01T00:00:00Z", "2028-02-29T00:00+00:00")]
    #[case::leap_day("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00+00:00")]
    #[case::no_leap_year_in_2100("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00+00:00")]
    #[case::a_leap_day_on_a_monday("0 0 29 2 +1", "UTC", "2026-01-01T00:00:00Z", "2044-02-29T00:00+00:00")]
    fn the_next_tick(#[case] schedule: &str, #[case] zone: &str, #[case] after: &str, #[case] next: &str) {
        assert_eq!(ticks(schedule, zone, after, 1), [next]);
    }

    #[rstest]
    #[case::a_time_that_is_left_out_comes_when_the_clock_goes_on(
        "30 2 * * *", "2026-03-28T12:00:00Z", &["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"],
    )]
    #[case::the_others_of_that_day_as_ever(
        "0 3 * * *", "2026-03-28T12:00:00Z", &["2026-03-29T03:00+02:00", "2026-03-30T03:00+02:00"],
    )]
    #[case::a_time_that_is_there_twice_comes_once(
        "30 2 * * *", "2026-10-24T12:00:00Z", &["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"],
    )]
    #[case::every_half_hour_goes_through(
        "*/30 * * * *", "2026-10-24T23:59:00Z",
        &["2026-10-25T02:00+02:00", "2026-10-25T02:30+02:00", "2026-10-25T02:00+01:00", "2026-10-25T02:30+01:00", "2026-10-25T03:00+01:00"],
    )]
    #[case::every_half_hour_leaves_none_out(
        "*/30 * * * *", "2026-03-29T00:29:00Z",
        &["2026-03-29T01:30+01:00", "2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00"],
    )]
    fn in_zurich_when_summer_time_begins_and_ends(
        #[case] schedule: &str,
        #[case] after: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(ticks(schedule, "Europe/Zurich", after, expected.len()), expected);
    }

    #[rstest]
    #[case("0 0 30 2 *")]
    #[case("0 0 31 2,4,6,9,11 *")]
    #[case("0 0 30 2 +1")]
    fn what_never_comes_is_refused(#[case] schedule: &str) {
        assert_eq!(Schedule::new(schedule, None), Err(ScheduleError::Never(schedule.into())));
    }

    #[rstest]
    #[case("at dawn", "it has 2")]
    #[case("", "it has 0")]
    #[case("0 0 3 * * *", "it has 6")]
    #[case("@daily", "it has 1")]
    #[case("60 3 * * *", "out of bounds")]
    #[case("0 3 * * someday", "illegal")]
    #[case(", * * * *", "a value is missing beside a comma")]
    #[case("0 3, * * *", "a value is missing beside a comma")]
    #[case("0 ,,3 * * *", "a value is missing beside a comma")]
    #[case("0\0 3 * * *", "illegal")]
    fn what_is_no_schedule_is_refused(#[case] schedule: &str, #[case] because: &str) {
        let error = Schedule::new(schedule, None).unwrap_err().to_string();
        assert!(error.contains("no cron schedule of five fields, such as \"0 3 * * *\""), "{error}");
        assert!(error.contains(because), "{error}");
        assert!(!error.contains(char::is_control), "{error:?}");
    }

    #[test]
    fn a_zone_that_is_not_known_is_refused() {
        let error = Schedule::new("0 3 * * *", Some("Mars/Base")).unwrap_err();
        assert_eq!(error.to_string(), "\"Mars/Base\" is no IANA time zone, such as Europe/Zurich");
    }
}
