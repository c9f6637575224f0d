//! Looks at registries: what a Tag's `from` points at, asked beside the looks at the Tags themselves.
//!
//! A reconcile asks for a look, or finds it waiting, or takes what was seen; none waits for one. So a registry that is slow, down
//! or throttled holds up its own Tags and no others. Each registry has a queue, hinted looks before polled ones. When a look has
//! ended, its Tag is reconciled again. Looks live in memory only: after a crash the next reconcile asks anew.

mod answer;
mod queue;
mod voice;

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tagger_api::Tag;
use tagger_core::reference::Registry;
use tagger_registry::Resolved;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span};

use crate::attention::{Attention, Count};
use crate::metrics::Metrics;
use crate::mirrors::Failure;
use crate::retries::until;
pub(crate) use answer::Eyes;
pub(crate) use queue::Urgency;
use queue::{Next, Queue};
pub(crate) use voice::Reply;

/// What a registry was seen to have, or why nothing was.
pub(crate) type Seen = Result<Resolved, Failure>;

/// What one try to look at a registry comes to.
#[derive(Debug)]
pub(crate) enum Sight {
    /// What was seen, or why nothing was.
    Seen(Seen),
    /// Nobody was asked: it is to be tried again after so long.
    PutOff(Duration),
    /// Nothing yet, of what may well be there in a moment.
    NotYet(Failure),
}

/// How a registry is looked at.
pub(crate) type Looking = Arc<dyn Fn(Arc<Tag>, Urgency) -> BoxFuture<'static, (Reply, Sight)> + Send + Sync>;

/// How soon one looks again for what may be there in a moment; twice as long each time.
const MOMENT: Duration = Duration::from_secs(2);
/// How often one looks again for that before it is told that nothing is there.
const AGAIN: u32 = 3;

/// What a reconcile finds of the look that it wants.
#[derive(Debug)]
pub(crate) enum Found {
    /// It waits, or is under way; the Tag is reconciled again when it has ended. The registry may be left alone until a moment.
    Busy(Option<Timestamp>),
    /// It has ended. It is known until [`Looks::done`].
    Ended {
        /// How many hints of the Tag there had been when it began.
        heard: Count,
        /// What was seen.
        seen: Seen,
    },
}

/// The looks that wait, are under way, or have ended and were not taken note of.
#[derive(Clone)]
pub(crate) struct Looks(Arc<Inner>);

struct Inner {
    at_once: usize,
    looking: Looking,
    attention: Arc<Attention>,
    metrics: Metrics,
    ended: mpsc::UnboundedSender<ObjectRef<Tag>>,
    runtime: Handle,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    looks: HashMap<String, Look>,
    queues: HashMap<Option<Registry>, Line>,
    tickets: u64,
    is_stopped: bool,
}

/// A queue, and the moment that a timer of it is set to.
struct Line {
    queue: Queue,
    timer: Option<Timestamp>,
}

impl Line {
    fn new(at_once: usize, registry: &Option<Registry>) -> Self {
        Self { queue: Queue::new(at_once, registry.is_some()), timer: None }
    }
}

struct Look {
    ticket: u64,
    tag: Arc<Tag>,
    registry: Option<Registry>,
    urgency: Urgency,
    /// How often it began.
    begun: u32,
    /// How often it saw nothing yet.
    in_vain: u32,
    state: State,
    /// Since when it waits for its turn.
    waits_since: Instant,
    /// What it belongs to: from when it was asked for to its end.
    unit: Span,
}

impl Look {
    fn begins(&self) -> bool {
        matches!(self.state, State::Begins)
    }
}

/// A look that is about to begin.
struct Beginning {
    uid: String,
    ticket: u64,
    begun: u32,
    tag: Arc<Tag>,
    urgency: Urgency,
    unit: Span,
}

enum State {
    Waits,
    /// It waits for a while before it waits for its turn again.
    Rests,
    Begins,
    UnderWay {
        _task: AbortOnDropHandle<()>,
    },
    Ended {
        heard: Count,
        seen: Seen,
    },
}

impl State {
    fn is_under_way(&self) -> bool {
        matches!(self, Self::Begins | Self::UnderWay { .. })
    }
}

impl Looks {
    /// No looks yet; so many are made at once at each registry. The Tags whose looks end are sent to `ended`.
    pub(crate) fn new(
        at_once: usize,
        looking: Looking,
        attention: Arc<Attention>,
        metrics: Metrics,
        ended: mpsc::UnboundedSender<ObjectRef<Tag>>,
    ) -> Self {
        let (runtime, table) = (Handle::current(), Mutex::default());
        Self(Arc::new(Inner { at_once, looking, attention, metrics, ended, runtime, table }))
    }

    /// Asks for a look at the registry of a Tag's `from`, or finds the one that was asked for. One for another version of the
    /// specification is given up: what was seen before a person asked for an import may be older than what they mean. So is a
    /// patient one that is under way when it is wanted urgently: it may wait for long yet, and its answer is too old anyway.
    pub(crate) fn ask(&self, tag: &Arc<Tag>, registry: Option<&Registry>, urgency: Urgency) -> Found {
        let (uid, now) = (uid(tag), Timestamp::now());
        let mut table = self.table();
        if table.is_stopped {
            return Found::Busy(None);
        }
        let is_of_no_use = |look: &Look| {
            let is_too_slow = look.state.is_under_way() && look.urgency < urgency;
            is_too_slow || look.tag.metadata.generation != tag.metadata.generation
        };
        if table.looks.get(uid).is_some_and(is_of_no_use) {
            self.forget(&mut table, uid);
        }
        let Table { looks, queues, tickets, .. } = &mut *table;
        let registry = match looks.get_mut(uid) {
            Some(Look { state: State::Ended { heard, seen }, .. }) => {
                return Found::Ended { heard: *heard, seen: seen.clone() };
            }
            Some(look) => {
                if look.urgency < urgency {
                    look.urgency = urgency;
                    if let Some(line) = queues.get_mut(&look.registry) {
                        line.queue.hurry(look.ticket);
                    }
                }
                if matches!(look.state, State::Rests) && urgency == Urgency::Urgent {
                    self.wait(look, queues, uid);
                }
                look.registry.clone()
            }
            None => {
                let registry = registry.cloned();
                *tickets += 1;
                if !queues.contains_key(&registry) {
                    // One that was silent is remembered for its own Tags, and they may be gone.
                    queues.retain(|_, line| !line.queue.is_idle(now));
                }
                let (ticket, tag, registry) = (*tickets, tag.clone(), registry.clone());
                let state = State::Waits;
                let waits_since = Instant::now();
                let (namespace, name, from) = (tag.namespace(), tag.name_any(), tag.spec.from.as_str());
                let unit = tracing::error_span!("import", namespace, name, from, ?urgency);
                let mut look =
                    Look { ticket, tag, registry, urgency, begun: 0, in_vain: 0, state, waits_since, unit };
                let registry = look.registry.clone();
                self.wait(&mut look, queues, uid);
                looks.insert(uid.to_owned(), look);
                registry
            }
        };
        let held = queues.get(&registry).and_then(|line| line.queue.held_until(now));
        drop(table);
        self.go_on(&registry);
        Found::Busy(held)
    }

    /// Begins the looks at a registry that may begin now, and sees to it that the others are thought of in time.
    fn go_on(&self, registry: &Option<Registry>) {
        while let Some(Beginning { uid, ticket, begun, tag, urgency, unit }) = self.next(registry) {
            let place =
                Place { looks: self.clone(), registry: registry.clone(), urgency, reply: Reply::Unknown };
            let task =
                self.0.runtime.spawn(self.clone().look(uid.clone(), ticket, tag, place).instrument(unit));
            let task = AbortOnDropHandle::new(task);
            let mut table = self.table();
            match table.looks.get_mut(&uid) {
                Some(look) if (look.ticket, look.begun) == (ticket, begun) && look.begins() => {
                    look.state = State::UnderWay { _task: task };
                }
                // It has ended already and the task with it, be it that it begins anew; or it is wanted no more and the task
                // ends here.
                _ => drop(task),
            }
        }
    }

    /// The look that begins now, if one may.
    fn next(&self, registry: &Option<Registry>) -> Option<Beginning> {
        let now = Timestamp::now();
        let mut table = self.table();
        if table.is_stopped {
            return None;
        }
        let Table { looks, queues, .. } = &mut *table;
        let line = queues.get_mut(registry)?;
        match line.queue.next(now) {
            Next::Begin { uid, urgency } => {
                self.0.metrics.waits(-1);
                let look = looks.get_mut(&uid)?;
                look.state = State::Begins;
                look.begun += 1;
                Some(Beginning {
                    uid,
                    ticket: look.ticket,
                    begun: look.begun,
                    tag: look.tag.clone(),
                    urgency,
                    unit: look.unit.clone(),
                })
            }
            Next::At(moment) if line.timer.is_none_or(|set| set > moment || set <= now) => {
                line.timer = Some(moment);
                let (looks, registry) = (self.clone(), registry.clone());
                self.0.runtime.spawn(async move {
                    tokio::time::sleep(until(moment, now)).await;
                    // By the wall's clock it may be early still, and then another timer is set.
                    if let Some(line) = looks.table().queues.get_mut(&registry) {
                        line.timer = line.timer.filter(|set| *set != moment);
                    }
                    looks.go_on(&registry);
                });
                None
            }
            Next::At(_) | Next::Nothing => {
                if line.queue.is_idle(now) {
                    queues.remove(registry);
                }
                None
            }
        }
    }

    /// One look, in a task of its own.
    async fn look(self, uid: String, ticket: u64, tag: Arc<Tag>, mut place: Place) {
        let heard = self.0.attention.heard(&uid);
        let reference = ObjectRef::from_obj(&*tag);
        let looking = (self.0.looking)(tag, place.urgency);
        let outcome = AssertUnwindSafe(looking).catch_unwind().await;
        let (reply, sight) =
            outcome.unwrap_or_else(|_| (Reply::Unknown, Sight::Seen(Err(Failure::internal()))));
        place.reply = reply;
        let rests = {
            let mut table = self.table();
            let Some(look) = table.looks.get_mut(&uid).filter(|look| look.ticket == ticket) else { return };
            let (seen, rests) = match sight {
                Sight::Seen(seen) => (Some(seen), Duration::ZERO),
                Sight::PutOff(pause) => (None, pause),
                Sight::NotYet(failure) if look.in_vain >= AGAIN => (Some(Err(failure)), Duration::ZERO),
                Sight::NotYet(_) => {
                    look.in_vain += 1;
                    (None, MOMENT * 2_u32.pow(look.in_vain - 1))
                }
            };
            let ended = seen.is_some();
            look.state = seen.map_or(State::Rests, |seen| State::Ended { heard, seen });
            (!ended).then_some(rests)
        };
        drop(place);
        match rests {
            Some(pause) => self.again(uid, ticket, pause),
            // Nobody listens only while everything is being shut down.
            None => drop(self.0.ended.send(reference)),
        }
    }

    /// Has a look wait for its turn again after a pause. By its ticket it is before those that came later.
    fn again(&self, uid: String, ticket: u64, pause: Duration) {
        let looks = self.clone();
        self.0.runtime.spawn(async move {
            tokio::time::sleep(pause).await;
            let registry = {
                let mut table = looks.table();
                let Table { looks: all, queues, is_stopped: false, .. } = &mut *table else { return };
                let rests = |look: &&mut Look| look.ticket == ticket && matches!(look.state, State::Rests);
                let Some(look) = all.get_mut(&uid).filter(rests) else { return };
                looks.wait(look, queues, &uid);
                look.registry.clone()
            };
            looks.go_on(&registry);
        });
    }

    /// Has a Tag reconciled again.
    pub(crate) fn wake(&self, tag: &Tag) {
        // Nobody listens only while everything is being shut down.
        let _ = self.0.ended.send(ObjectRef::from_obj(tag));
    }

    /// Takes note of what was seen, or gives a look up.
    pub(crate) fn done(&self, uid: &str) {
        self.forget(&mut self.table(), uid);
    }

    /// Gives up the looks of all Tags but these.
    pub(crate) fn retain(&self, uids: &HashSet<String>) {
        let mut table = self.table();
        let gone: Vec<String> = table.looks.keys().filter(|uid| !uids.contains(*uid)).cloned().collect();
        gone.iter().for_each(|uid| self.forget(&mut table, uid));
    }

    /// Gives up every look, and begins no more.
    pub(crate) fn stop(&self) {
        let mut table = self.table();
        table.is_stopped = true;
        table.looks.clear();
        table.queues.clear();
    }

    /// Has a look wait for its turn.
    fn wait(&self, look: &mut Look, queues: &mut HashMap<Option<Registry>, Line>, uid: &str) {
        look.state = State::Waits;
        look.waits_since = Instant::now();
        let line = queues.entry(look.registry.clone());
        let line = line.or_insert_with_key(|registry| Line::new(self.0.at_once, registry));
        line.queue.add(look.ticket, uid, look.urgency);
        self.0.metrics.waits(1);
    }

    fn forget(&self, table: &mut Table, uid: &str) {
        let Some(Look { ticket, registry, state: State::Waits, .. }) = table.looks.remove(uid) else {
            return;
        };
        self.0.metrics.waits(-1);
        if let Some(line) = table.queues.get_mut(&registry) {
            line.queue.remove(ticket);
        }
    }

    /// For how long the look has waited that waits longest, as of each time that it is asked. It keeps nothing alive.
    pub(crate) fn longest_wait(&self) -> impl Fn() -> Duration + Send + Sync + use<> {
        let inner = Arc::downgrade(&self.0);
        move || {
            let Some(looks) = inner.upgrade().map(Self) else { return Duration::ZERO };
            let table = looks.table();
            let waiting = table.looks.values().filter(|look| matches!(look.state, State::Waits));
            waiting.map(|look| look.waits_since.elapsed()).max().unwrap_or_default()
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those that look at a registry. It is given back whatever becomes of the look.
struct Place {
    looks: Looks,
    registry: Option<Registry>,
    urgency: Urgency,
    reply: Reply,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.looks.table();
        let Table { looks, queues, .. } = &mut *table;
        let fell_silent = queues
            .get_mut(&self.registry)
            .is_some_and(|line| line.queue.ended(self.urgency, self.reply, Timestamp::now()));
        if fell_silent && let Some(line) = queues.get(&self.registry) {
            // They wait for longer than they may have thought, and their Tags say so.
            for look in line.queue.urgent().filter_map(|uid| looks.get(uid)) {
                let _ = self.looks.0.ended.send(ObjectRef::from_obj(&*look.tag));
            }
        }
        drop(table);
        self.looks.go_on(&self.registry);
    }
}

fn uid(tag: &Tag) -> &str {
    tag.metadata.uid.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
