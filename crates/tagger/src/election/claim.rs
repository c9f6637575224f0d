//! What a replica makes of the Lease that it sees. Pure: the object and the time come in.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// What is to be done about the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// There is none: it is to be created.
    Create,
    /// It is free, has run out, or is this replica's own: it is to be written.
    Take,
    /// Another replica has it; it runs out after so long, if it is not renewed.
    Wait(Duration),
}

/// How another replica's Lease was seen to be renewed: by versions of the object and a clock of our own. What other machines' clocks
/// wrote into it counts for nothing.
#[derive(Debug, Default)]
pub(super) struct Rival(Option<(String, Instant)>);

impl Rival {
    /// What `me` is to do about a Lease that was read now.
    pub(super) fn claim(&mut self, lease: Option<&Lease>, me: &str, now: Instant) -> Claim {
        let Some(lease) = lease else {
            self.0 = None;
            return Claim::Create;
        };
        let spec = lease.spec.as_ref();
        let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
        if holder.is_empty() || holder == me {
            self.0 = None;
            return Claim::Take;
        }
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let since = match &self.0 {
            Some((seen, since)) if *seen == version => *since,
            _ => now,
        };
        self.0 = Some((version, since));
        let lasts = Duration::from_secs(seconds(spec.and_then(|spec| spec.lease_duration_seconds)));
        match lasts.saturating_sub(now.saturating_duration_since(since)) {
            Duration::ZERO => Claim::Take,
            left => Claim::Wait(left),
        }
    }
}

/// Within bounds, whatever was written: a holder that wants it for ever does not have it for ever.
fn seconds(told: Option<i32>) -> u64 {
    u64::try_from(told.unwrap_or(15)).unwrap_or(15).clamp(1, 300)
}

/// The Lease as `me` holds it from now on, over what was there.
pub(super) fn held(before: Lease, me: &str, lasts: Duration, now: Timestamp) -> Lease {
    let old = before.spec.unwrap_or_default();
    let is_mine = old.holder_identity.as_deref() == Some(me);
    let turns = old.lease_transitions.unwrap_or_default();
    let spec = LeaseSpec {
        holder_identity: Some(me.to_owned()),
        lease_duration_seconds: i32::try_from(lasts.as_secs()).ok(),
        acquire_time: old.acquire_time.filter(|_| is_mine).or(Some(MicroTime(now))),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(if is_mine { turns } else { turns.saturating_add(1) }),
        ..LeaseSpec::default()
    };
    Lease { spec: Some(spec), ..before }
}

/// The Lease when nobody holds it any more: whoever sees it may take it at once.
pub(super) fn free(before: Lease, now: Timestamp) -> Lease {
    let spec = LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        renew_time: Some(MicroTime(now)),
        ..before.spec.unwrap_or_default()
    };
    Lease { spec: Some(spec), ..before }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LASTS: Duration = Duration::from_secs(15);

    fn lease(holder: &str, version: &str) -> Lease {
        let mut lease = held(Lease::default(), holder, LASTS, Timestamp::UNIX_EPOCH);
        lease.metadata.resource_version = Some(version.to_owned());
        lease
    }

    #[test]
    fn what_is_not_there_free_or_ones_own_is_taken_at_once() {
        let (mut rival, now) = (Rival::default(), Instant::now());
        assert_eq!(rival.claim(None, "me", now), Claim::Create);
        assert_eq!(rival.claim(Some(&Lease::default()), "me", now), Claim::Take);
        assert_eq!(rival.claim(Some(&lease("me", "1")), "me", now), Claim::Take);
        let freed = free(lease("other", "1"), Timestamp::UNIX_EPOCH);
        assert_eq!(rival.claim(Some(&freed), "me", now), Claim::Take);
    }

    #[test]
    fn a_lease_runs_out_when_it_was_not_seen_to_be_renewed_for_as_long_as_it_lasts() {
        let (mut rival, now) = (Rival::default(), Instant::now());
        // What its holder's clock says is the year 1970.
        assert_eq!(rival.claim(Some(&lease("other", "1")), "me", now), Claim::Wait(LASTS));
        assert_eq!(rival.claim(Some(&lease("other", "1")), "me", now + 14 * SECOND), Claim::Wait(SECOND));
        assert_eq!(rival.claim(Some(&lease("other", "2")), "me", now + 15 * SECOND), Claim::Wait(LASTS));
        assert_eq!(rival.claim(Some(&lease("other", "2")), "me", now + 30 * SECOND), Claim::Take);
    }

    #[test]
    fn a_holder_does_not_have_it_for_ever() {
        let (mut rival, now) = (Rival::default(), Instant::now());
        let mut greedy = lease("other", "1");
        greedy.spec.get_or_insert_default().lease_duration_seconds = Some(i32::MAX);
        assert_eq!(rival.claim(Some(&greedy), "me", now), Claim::Wait(300 * SECOND));
        greedy.spec.get_or_insert_default().lease_duration_seconds = Some(-1);
        assert_eq!(rival.claim(Some(&greedy), "me", now), Claim::Wait(LASTS));
    }

    #[test]
    fn a_new_holder_is_a_transition_and_a_renewal_is_none() {
        let (first, later) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + SECOND);
        let taken = held(lease("other", "7"), "me", LASTS, first);
        let renewed = held(taken.clone(), "me", LASTS, later).spec.unwrap();
        assert_eq!(taken.metadata.resource_version.as_deref(), Some("7"), "the precondition of the write");
        let taken = taken.spec.unwrap();
        assert_eq!((taken.lease_transitions, taken.lease_duration_seconds), (Some(2), Some(15)));
        assert_eq!((renewed.lease_transitions, renewed.acquire_time), (Some(2), taken.acquire_time));
        assert_eq!(renewed.renew_time, Some(MicroTime(later)));
    }
}
