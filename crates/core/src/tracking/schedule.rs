use std::fmt;
use std::sync::Arc;

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, YEAR_UPPER_LIMIT};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

/// The moments of a cron schedule, in a time zone.
#[derive(Clone)]
pub struct Schedule {
    // Shared, since it is larger than all else that is known of a Tag.
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
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(schedule).map_err(|error| wrong(error.to_string()))?;
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
