//! The looks that wait for one registry, and which of them is next.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::voice::{Reply, Voice};

/// How soon a look is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Urgency {
    /// Whenever there is room: nobody waits for it.
    Patient,
    /// Before all that are patient: a person or a push asked for it.
    Urgent,
}

/// What is to be done about a queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Begin the look of this Tag.
    Begin { uid: String, urgency: Urgency },
    /// Nothing before this moment.
    At(Timestamp),
    /// Nothing before something else happens.
    Nothing,
}

/// The looks at one registry: first come, first served, those that are urgent first, and so many at once. Of these places half at
/// most go to patient ones, so that one that is urgent never waits for a crowd of them.
#[derive(Debug)]
pub(super) struct Queue {
    at_once: usize,
    /// A name without a registry is looked for in several; whether one of them answers says nothing of it.
    is_judged: bool,
    waiting: [BTreeMap<u64, String>; 2],
    under_way: [usize; 2],
    voice: Voice,
}

impl Queue {
    pub(super) fn new(at_once: usize, is_judged: bool) -> Self {
        Self { at_once, is_judged, waiting: Default::default(), under_way: [0; 2], voice: Voice::Answers }
    }

    /// Adds a look. Tickets count up; the lower one is first.
    pub(super) fn add(&mut self, ticket: u64, uid: &str, urgency: Urgency) {
        self.waiting[urgency as usize].insert(ticket, uid.to_owned());
    }

    /// Makes a patient look that waits an urgent one. It keeps its place by its ticket.
    pub(super) fn hurry(&mut self, ticket: u64) {
        if let Some(uid) = self.waiting[Urgency::Patient as usize].remove(&ticket) {
            self.waiting[Urgency::Urgent as usize].insert(ticket, uid);
        }
    }

    /// Takes away a look that waits.
    pub(super) fn remove(&mut self, ticket: u64) {
        self.waiting.iter_mut().for_each(|waiting| drop(waiting.remove(&ticket)));
    }

    /// Which look begins now, if one may; it counts as under way from here on.
    pub(super) fn next(&mut self, now: Timestamp) -> Next {
        let under_way: usize = self.under_way.iter().sum();
        if under_way >= self.at_once || self.waiting.iter().all(BTreeMap::is_empty) {
            return Next::Nothing;
        }
        let tried = match self.voice {
            Voice::Answers => None,
            Voice::Tried { .. } => return Next::Nothing,
            Voice::Silent { times, .. } => match self.voice.alone_until(now) {
                Some(until) => return Next::At(until),
                None => Some(Voice::Tried { times }),
            },
        };
        for urgency in [Urgency::Urgent, Urgency::Patient] {
            let is_full =
                urgency == Urgency::Patient && self.under_way[urgency as usize] >= (self.at_once / 2).max(1);
            if is_full {
                return Next::Nothing;
            }
            if let Some((_, uid)) = self.waiting[urgency as usize].pop_first() {
                self.under_way[urgency as usize] += 1;
                self.voice = tried.unwrap_or(self.voice);
                return Next::Begin { uid, urgency };
            }
        }
        Next::Nothing
    }

    /// Notes that a look has ended. Says whether the registry fell silent with it.
    pub(super) fn ended(&mut self, urgency: Urgency, reply: Reply, now: Timestamp) -> bool {
        self.under_way[urgency as usize] = self.under_way[urgency as usize].saturating_sub(1);
        if !self.is_judged {
            return false;
        }
        let before = self.voice;
        self.voice = before.after(reply, now);
        reply == Reply::Silence && self.voice != before
    }

    /// Until when the registry is left alone, as far as that is known.
    pub(super) fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.voice {
            Voice::Answers => None,
            Voice::Silent { .. } => Some(self.voice.alone_until(now).unwrap_or(now)),
            Voice::Tried { .. } => Some(now),
        }
    }

    /// The Tags that wait urgently.
    pub(super) fn urgent(&self) -> impl Iterator<Item = &String> {
        self.waiting[Urgency::Urgent as usize].values()
    }

    /// How many looks wait, patient ones and urgent ones.
    #[cfg(test)]
    fn waits(&self) -> [usize; 2] {
        [0, 1].map(|urgency| self.waiting[urgency].len())
    }

    /// Whether nothing waits, nothing is under way, and nothing is known that counts.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.waiting.iter().all(BTreeMap::is_empty) && self.under_way == [0; 2] && self.voice.is_of_old(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Urgency::{Patient, Urgent};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn queue(at_once: usize, waiting: &[(u64, Urgency)]) -> Queue {
        let mut queue = Queue::new(at_once, true);
        waiting.iter().for_each(|(ticket, urgency)| queue.add(*ticket, &ticket.to_string(), *urgency));
        queue
    }

    fn begun(queue: &mut Queue, now: i64) -> Vec<String> {
        std::iter::from_fn(|| match queue.next(at(now)) {
            Next::Begin { uid, .. } => Some(uid),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn urgent_looks_come_first_and_patient_ones_take_half_of_the_places() {
        let mut queue = queue(4, &[(1, Patient), (2, Patient), (3, Patient), (4, Urgent)]);
        assert_eq!(begun(&mut queue, 0), ["4", "1", "2"]);
        queue.add(5, "5", Urgent);
        assert_eq!(begun(&mut queue, 0), ["5"], "a place is left for it");
        queue.ended(Patient, Reply::Answer, at(0));
        assert_eq!(begun(&mut queue, 0), ["3"]);
        assert_eq!(queue.waits(), [0, 0]);
    }

    #[test]
    fn a_patient_look_that_becomes_urgent_goes_before_later_ones() {
        let mut queue = queue(1, &[(1, Patient), (2, Patient), (3, Urgent)]);
        queue.hurry(2);
        queue.remove(1);
        assert_eq!(begun(&mut queue, 0), ["2"]);
        queue.ended(Urgent, Reply::Answer, at(0));
        assert_eq!(begun(&mut queue, 0), ["3"]);
    }

    #[test]
    fn the_only_place_is_for_patient_looks_too() {
        assert_eq!(begun(&mut queue(1, &[(1, Patient)]), 0), ["1"]);
    }

    #[test]
    fn a_silent_registry_is_left_alone_and_then_tried_by_one() {
        let mut queue = queue(4, &[(1, Urgent), (2, Urgent)]);
        assert_eq!(begun(&mut queue, 0).len(), 2);
        assert!(queue.ended(Urgent, Reply::Silence, at(0)));
        assert!(!queue.ended(Urgent, Reply::Silence, at(0)), "it is news once");
        queue.add(3, "3", Urgent);
        queue.add(4, "4", Urgent);
        assert_eq!((queue.next(at(1)), queue.held_until(at(1))), (Next::At(at(5)), Some(at(5))));
        assert_eq!(begun(&mut queue, 5), ["3"]);
        queue.ended(Urgent, Reply::Answer, at(6));
        assert_eq!((begun(&mut queue, 6), queue.held_until(at(6))), (vec!["4".to_owned()], None));
        queue.ended(Urgent, Reply::Answer, at(6));
        assert!(queue.is_idle(at(6)));
    }

    #[test]
    fn a_silence_that_nobody_asks_about_any_more_is_forgotten() {
        let mut queue = queue(4, &[(1, Urgent)]);
        assert_eq!(begun(&mut queue, 0).len(), 1);
        queue.ended(Urgent, Reply::Silence, at(0));
        assert!(!queue.is_idle(at(600)), "those who failed come back to it");
        assert!(queue.is_idle(at(7200)));
    }

    #[test]
    fn names_without_a_registry_are_never_held_up() {
        let mut queue = Queue::new(1, false);
        queue.add(1, "1", Urgent);
        assert_eq!(begun(&mut queue, 0).len(), 1);
        assert!(!queue.ended(Urgent, Reply::Silence, at(0)));
        queue.add(2, "2", Urgent);
        assert_eq!(begun(&mut queue, 0).len(), 1);
    }
}
