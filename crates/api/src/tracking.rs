//! What makes a Tag look at its registry without a person: `track`.

use std::time::Duration;

use tagger_core::tracking::{self, Schedule, ScheduleError, Tracking};

use crate::tag::{TagSpec, Track};
use crate::validation::Problem;

impl TagSpec {
    /// What makes the Tag look at its registry. Without `track`, push notifications do.
    pub fn tracking(&self) -> Result<Tracking, Problem> {
        let Some(track) = self.track.as_deref() else {
            return Ok(Tracking { push: true, ..Tracking::default() });
        };
        Ok(Tracking {
            push: track.push != Some(false),
            interval: interval(track)?,
            schedule: schedule(track)?,
        })
    }
}

/// How often the registry is asked.
pub(crate) fn interval(track: &Track) -> Result<Option<Duration>, Problem> {
    let interval = track.interval.as_deref().map(tracking::interval).transpose();
    interval.map_err(|error| Problem::new("spec.track.interval", &error))
}

/// When the registry is asked.
pub(crate) fn schedule(track: &Track) -> Result<Option<Schedule>, Problem> {
    let zone = track.time_zone.as_deref();
    let Some(schedule) = &track.schedule else {
        return match zone {
            Some(_) => Err(Problem::new("spec.track.timeZone", &"timeZone needs a schedule")),
            None => Ok(None),
        };
    };
    Schedule::new(schedule, zone).map(Some).map_err(|error| {
        let field = match error {
            ScheduleError::Zone(_) => "spec.track.timeZone",
            _ => "spec.track.schedule",
        };
        Problem::new(field, &error)
    })
}
