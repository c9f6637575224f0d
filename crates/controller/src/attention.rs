//! Which Tags are to be looked at though their specification asks for nothing: those that a registry told of, and those whose
//! poll is due.
//!
//! It lives in memory. After a start, polls are spread over their interval, and hints that were heard before are lost: who wants to
//! miss none polls as well.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tagger_core::generation::Trigger;
use tagger_core::tracking::Tracking;

/// How many hints there were. Counted rather than timed: no clock that is set back makes an old answer look new.
pub(crate) type Count = u64;

/// What is known of each Tag that there is anything to know of, by its uid.
#[derive(Debug)]
pub(crate) struct Attention {
    started: Mutex<Timestamp>,
    noted: Mutex<HashMap<String, Noted>>,
}

#[derive(Clone, Debug, Default)]
struct Noted {
    /// How many hints were heard, and how many had been when the last look began that came to an end.
    heard: Count,
    answered: Count,
    /// What another replica heard last, as it wrote it.
    relayed: Option<String>,
    /// The version of the specification that a look was asked for by itself.
    version: Option<i64>,
    /// Whether such a look is still to be made.
    is_respecified: bool,
    /// When a look came to its end last.
    looked: Option<Timestamp>,
    /// The generation that the specification was raised to, and why.
    raised: Option<(i64, Trigger)>,
}

/// What asks for a look now, and when the next poll is due where nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Now(Trigger),
    At(Timestamp),
    Never,
}

impl Attention {
    /// Nothing known, in a process that started now.
    pub(crate) fn new(started: Timestamp) -> Self {
        Self { started: Mutex::new(started), noted: Mutex::default() }
    }

    /// When this process began to lead, or started.
    pub(crate) fn started(&self) -> Timestamp {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew, as a process that started now. Gives the Tags whose hints had no answer yet.
    pub(crate) fn restart(&self, now: Timestamp) -> HashSet<String> {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = now;
        let noted = std::mem::take(&mut *self.lock());
        noted.into_iter().filter(|(_, noted)| noted.heard > noted.answered).map(|(uid, _)| uid).collect()
    }

    /// Notes that a registry told of a Tag. Says whether that is news: a burst is one hint until a look begins.
    pub(crate) fn hint(&self, uid: &str) -> bool {
        let mut all = self.lock();
        let noted = all.entry(uid.to_owned()).or_default();
        let is_news = noted.heard == noted.answered;
        noted.heard += 1;
        is_news
    }

    /// Notes what another replica heard of a Tag, if it is news.
    pub(crate) fn relayed(&self, uid: &str, told: &str) {
        let mut all = self.lock();
        let noted = all.entry(uid.to_owned()).or_default();
        if noted.relayed.as_deref() != Some(told) {
            noted.relayed = Some(told.to_owned());
            noted.heard += 1;
        }
    }

    /// Whether every hint of a Tag has its answer.
    pub(crate) fn is_answered(&self, uid: &str) -> bool {
        self.lock().get(uid).is_none_or(|noted| noted.heard <= noted.answered)
    }

    /// Notes that a specification chooses its tag in another way now, so that nothing but a look says which. Once for each version.
    pub(crate) fn is_respecified(&self, uid: &str, version: Option<i64>) {
        let mut all = self.lock();
        let noted = all.entry(uid.to_owned()).or_default();
        if noted.version != version {
            noted.version = version;
            noted.is_respecified = true;
        }
    }

    /// How many hints of a Tag there were until now.
    pub(crate) fn heard(&self, uid: &str) -> Count {
        self.lock().get(uid).map_or(0, |noted| noted.heard)
    }

    /// Whether a Tag is to be looked at now, or when.
    pub(crate) fn due(&self, uid: &str, tracking: &Tracking, now: Timestamp) -> Due {
        let noted = self.lock().get(uid).cloned().unwrap_or_default();
        if tracking.push && noted.heard > noted.answered {
            return Due::Now(Trigger::Push);
        }
        if noted.is_respecified {
            return Due::Now(Trigger::Spec);
        }
        match tracking.next(seed(uid), noted.looked, self.started(), now) {
            Some(next) if next <= now => Due::Now(Trigger::Poll),
            Some(next) => Due::At(next),
            None => Due::Never,
        }
    }

    /// Notes that a look came to its end that began when so many hints had been heard. Says whether later ones want another look:
    /// they were no news when they came, so nobody was told of them.
    pub(crate) fn looked(&self, uid: &str, heard: Count, tracking: &Tracking, now: Timestamp) -> bool {
        let mut all = self.lock();
        if tracking.interval.is_none() && tracking.schedule.is_none() && !all.contains_key(uid) {
            // Nobody asks when it was.
            return false;
        }
        let noted = all.entry(uid.to_owned()).or_default();
        noted.answered = noted.answered.max(heard);
        noted.is_respecified = false;
        noted.looked = Some(now);
        noted.raised = None;
        tracking.push && noted.heard > noted.answered
    }

    /// Notes that the specification was raised to a generation, which is still to be imported.
    pub(crate) fn raised(&self, uid: &str, number: i64, trigger: Trigger) {
        self.lock().entry(uid.to_owned()).or_default().raised = Some((number, trigger));
    }

    /// What asks for a generation that the specification names: what it was raised by, or else a person.
    pub(crate) fn trigger_of(&self, uid: &str, number: i64) -> Trigger {
        let raised = self.lock().get(uid).and_then(|noted| noted.raised);
        raised.filter(|(raised, _)| *raised == number).map_or(Trigger::Spec, |(_, trigger)| trigger)
    }

    /// Forgets a Tag that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// Forgets all Tags but these.
    pub(crate) fn retain(&self, uids: &HashSet<String>) {
        self.lock().retain(|uid, _| uids.contains(uid));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By what a Tag's polls are spread among those of others: the same after each start.
fn seed(uid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const PUSHES: Tracking = Tracking { push: true, interval: None, schedule: None };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_burst_is_one_hint_and_what_is_heard_during_a_look_wants_another() {
        let attention = Attention::new(at(0));
        assert_eq!(attention.due("uid", &PUSHES, at(0)), Due::Never);
        assert!(attention.hint("uid"));
        assert!(!attention.hint("uid"));
        assert_eq!(attention.due("uid", &PUSHES, at(0)), Due::Now(Trigger::Push));
        let began = attention.heard("uid");
        assert!(!attention.hint("uid"));
        assert!(attention.looked("uid", began, &PUSHES, at(1)), "nobody was told of the last one");
        assert_eq!(attention.due("uid", &PUSHES, at(1)), Due::Now(Trigger::Push));
        assert!(!attention.looked("uid", attention.heard("uid"), &PUSHES, at(2)));
        assert_eq!(attention.due("uid", &PUSHES, at(2)), Due::Never);
        assert!(attention.hint("uid"));
    }

    #[test]
    fn what_another_replica_heard_is_one_hint_until_it_hears_more() {
        let attention = Attention::new(at(0));
        attention.relayed("uid", "1");
        assert_eq!(attention.due("uid", &PUSHES, at(0)), Due::Now(Trigger::Push));
        let began = attention.heard("uid");
        attention.relayed("uid", "1");
        assert!(!attention.looked("uid", began, &PUSHES, at(0)));
        assert!(attention.is_answered("uid"));
        attention.relayed("uid", "2");
        assert!(!attention.is_answered("uid"));
    }

    #[test]
    fn who_begins_anew_gives_the_tags_whose_hints_had_no_answer() {
        let attention = Attention::new(at(0));
        attention.hint("open");
        attention.hint("answered");
        attention.looked("answered", attention.heard("answered"), &PUSHES, at(0));
        assert_eq!(attention.restart(at(9)), ["open".to_owned()].into());
        assert_eq!((attention.started(), attention.due("open", &PUSHES, at(9))), (at(9), Due::Never));
    }

    #[test]
    fn pushes_count_only_where_they_are_wanted() {
        let attention = Attention::new(at(0));
        attention.hint("uid");
        let deaf = Tracking { push: false, ..PUSHES };
        assert_eq!(attention.due("uid", &deaf, at(0)), Due::Never);
        assert!(!attention.looked("uid", 0, &deaf, at(0)));
    }

    #[test]
    fn a_poll_is_due_after_each_look() {
        let attention = Attention::new(at(0));
        let polls = Tracking { interval: Some(Duration::from_secs(60)), ..PUSHES };
        let first = attention.due("uid", &polls, at(0));
        assert!(
            matches!(first, Due::At(first) if first <= at(60)) || first == Due::Now(Trigger::Poll),
            "{first:?}"
        );
        assert_eq!(attention.due("uid", &polls, at(60)), Due::Now(Trigger::Poll));
        attention.looked("uid", 0, &polls, at(60));
        assert!(matches!(attention.due("uid", &polls, at(60)), Due::At(next) if next >= at(120)));
    }

    #[test]
    fn a_new_way_to_choose_is_looked_at_once() {
        let attention = Attention::new(at(0));
        attention.is_respecified("uid", Some(2));
        assert_eq!(attention.due("uid", &PUSHES, at(0)), Due::Now(Trigger::Spec));
        attention.looked("uid", 0, &PUSHES, at(0));
        attention.is_respecified("uid", Some(2));
        assert_eq!(attention.due("uid", &PUSHES, at(0)), Due::Never);
    }

    #[test]
    fn what_a_number_was_raised_by_is_known_until_it_is_imported() {
        let attention = Attention::new(at(0));
        attention.raised("uid", 3, Trigger::Poll);
        assert_eq!(attention.trigger_of("uid", 3), Trigger::Poll);
        assert_eq!(attention.trigger_of("uid", 4), Trigger::Spec);
        attention.looked("uid", 0, &PUSHES, at(0));
        assert_eq!(attention.trigger_of("uid", 3), Trigger::Spec);
    }
}
