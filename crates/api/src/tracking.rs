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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn tracking(track: Option<Value>) -> Tracking {
        let spec = json!({ "from": "quay.io/company/myapp", "track": track });
        serde_json::from_value::<TagSpec>(spec).unwrap().tracking().unwrap()
    }

    #[rstest]
    #[case::no_track(None, true)]
    #[case::nothing_said_of_it(Some(json!({ "interval": "10m" })), true)]
    #[case::on(Some(json!({ "push": true })), true)]
    #[case::off(Some(json!({ "push": false })), false)]
    fn pushes_are_heard_unless_a_person_says_no(#[case] track: Option<Value>, #[case] push: bool) {
        assert_eq!(tracking(track).push, push);
    }

    #[test]
    fn interval_and_schedule_are_read() {
        let read = tracking(Some(
            json!({ "interval": "1h30m", "schedule": "0 3 * * *", "timeZone": "Europe/Zurich" }),
        ));
        assert_eq!(read.interval, Some(Duration::from_secs(5400)));
        assert_eq!(read.schedule, Schedule::new("0 3 * * *", Some("Europe/Zurich")).ok());
        assert_ne!(read.schedule, Schedule::new("0 3 * * *", None).ok());
        assert_eq!(tracking(None), Tracking { push: true, ..Tracking::default() });
    }
}
