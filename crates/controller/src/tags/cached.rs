//! The steps of a Tag whose generations are in the cache, or are to be, or were.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use tagger_api::Tag;
use tagger_api::conditions::State;
use tagger_core::generation::Generation;
use tagger_core::mirroring::{Absent, Mirroring, absent, source_of};
use tagger_core::reference::{Reference, TagName};
use tracing::Instrument;

use super::asking::Intake;
use super::context::{Context, Error, uid};
use super::outcome;
use super::reconcile::Aim;
use crate::cache::CacheProblem;
use crate::credentials::Access;
use crate::events::Tone;
use crate::mirrors::{Copies, Copying, Errand, Failure, Found, Layout, News, Tally};
use crate::retries::{after, spread, until};

/// How soon a Tag is looked at again that has no cache to go to: nobody tells when one appears.
const NO_CACHE: Duration = Duration::from_secs(30);
/// How long a copy takes of which nothing is told but that it is there.
const MOMENT: Duration = Duration::from_secs(1);
/// How soon a Tag is looked at again whose repository waits for its turn to be tidied.
const TURN: Duration = Duration::from_secs(30);

impl Context {
    /// Where the copies of a Tag's images are to be, or why there is no such place; none where no copies are wanted.
    pub(super) async fn copies_of(&self, tag: &Tag) -> Option<Result<Copies, CacheProblem>> {
        if tag.spec.cache != Some(true) || tag.spec.is_suspended() {
            return None;
        }
        Some(self.copies(tag).await)
    }

    /// The place of a Tag's images in the cache, whether or not copies are wanted.
    pub(super) async fn copies(&self, tag: &Tag) -> Result<Copies, CacheProblem> {
        let namespace = tag.namespace().unwrap_or_default();
        let place = Box::pin(self.cache.place()).await?;
        Copies::of(place, &namespace, &tag.name_any())
    }

    /// Where a Tag's generations are to be, and which are not there.
    pub(super) fn mirroring(&self, tag: &Tag, copies: Option<&Result<Copies, CacheProblem>>) -> Mirroring {
        let (Some(Ok(copies)), Some(status)) = (copies, &tag.status) else {
            return if let Some(Err(_)) = copies { Mirroring::NoCache } else { Mirroring::Off };
        };
        let absent = absent(&status.references, |digest| copies.reference(digest)).map(|known| Absent {
            number: known.generation,
            retry_at: self.lost.retry_at(uid(tag), known.generation),
        });
        Mirroring::Into(absent.collect())
    }

    /// Says that there is no cache. What is published stays, and the Tag is looked at again by itself.
    pub(super) async fn no_cache(
        &self,
        tag: &Tag,
        problem: &CacheProblem,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let told =
            tag.status.as_ref().is_some_and(|status| status.observed_generation == tag.metadata.generation);
        // That it could not be found out for a moment is no news of the Tag.
        if !(told && matches!(problem, CacheProblem::Unread(_))) {
            let stalled = State::Stalled { reason: problem.reason(), message: problem.to_string() };
            self.settle(tag, &stalled, now).await?;
        }
        Ok(Action::requeue(spread(NO_CACHE, uid(tag))))
    }

    /// A Tag that is as it is wanted. Its repository in the cache is tidied beside, when that is due.
    pub(super) async fn rest_in_cache(
        &self,
        tag: &Tag,
        copies: &Copies,
        mirroring: &Mirroring,
        poll: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Action, Error> {
        self.settle(tag, &outcome::ready(tag), now).await?;
        let layout = Layout::of(tag.status.as_ref(), copies);
        let mut next = self.tidier.schedule.due(uid(tag), &layout, now);
        if next <= now {
            match (self.mirrors.look(uid(tag), &Errand::Tidy), self.tidier.place()) {
                (Found::Nothing, Some(place)) => {
                    let (tidier, copies, uid) = (self.tidier.clone(), copies.clone(), uid(tag).to_owned());
                    let (reference, client) =
                        (ObjectRef::from_obj(tag), self.cache.client(&self.registry, &copies.place));
                    self.mirrors.start(tag, Errand::Tidy, Arc::default(), async move {
                        let _place = place;
                        tidier.run(reference, &uid, layout, &copies, &client).await;
                        None
                    });
                    return Ok(Action::await_change());
                }
                (Found::Busy(_), _) => return Ok(Action::await_change()),
                _ => next = after(now, spread(TURN, uid(tag))),
            }
        }
        next = poll.map_or(next, |poll| next.min(poll));
        if let Mirroring::Into(absent) = mirroring {
            next = absent.iter().filter_map(|absent| absent.retry_at).fold(next, Timestamp::min);
        }
        Ok(Action::requeue(until(next, now).max(Duration::from_secs(1))))
    }

    /// Has every generation used from where it came from. The next look says that all is well.
    pub(super) async fn restore(&self, tag: &Tag) -> Result<Action, Error> {
        self.lost.forget(uid(tag));
        if self.write(tag, outcome::restored(tag)).await? {
            let note = "spec.cache is off: every generation is used from where it came from".to_owned();
            self.events.tell(tag.object_ref(&()), Tone::Normal, "Restored", "Mirror", note);
        }
        Ok(Action::await_change())
    }

    /// Imports what was seen when its copy is in the cache: has it copied, publishes it.
    pub(super) async fn import_into_cache(
        &self,
        tag: &Tag,
        aim: &Aim,
        intake: &Intake,
        quiet: bool,
        copies: &Copies,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let number = intake.number;
        let (digest, from) = (intake.resolved.digest.clone(), tag.spec.from.clone());
        let errand = Errand::Import { number, digest, from, to: copies.name() };
        let age = match self.mirrors.look(uid(tag), &errand) {
            Found::Busy(age) => age,
            Found::Ended(Ok(new)) => {
                let new = Generation { imported_at: outcome::whole_seconds(now), ..new };
                return self.publish_copy(tag, aim, intake, new, copies, now).await;
            }
            Found::Ended(Err(failure)) => {
                self.mirrors.done(uid(tag));
                // The next try asks again what there is to copy.
                self.looks.done(uid(tag));
                self.metrics.import_failed(intake.trigger, failure.reason);
                let what = format!("import of {}", tag.spec.from);
                return self.give_up_for_now(tag, &what, &failure, Duration::ZERO, now).await;
            }
            Found::Nothing => {
                let digest = &intake.resolved.digest;
                let source = intake.resolved.reference.pinned(digest);
                let new = intake.generation(tag, now).moved_to(&copies.reference(digest).to_string());
                let (access, tags) =
                    (self.credentials.of(tag).await, Copies::tags(number, intake.is_current));
                self.start(tag, errand, self.copying(source, access, copies, tags), new);
                Duration::ZERO
            }
        };
        let (from, to) = (&tag.spec.from, copies.name());
        let message =
            format!("{from} is being copied into {to} as generation {number}, or waits for its turn");
        self.tell_mirroring(tag, number, (!quiet).then_some(message), age, now).await
    }

    async fn publish_copy(
        &self,
        tag: &Tag,
        aim: &Aim,
        intake: &Intake,
        new: Generation,
        copies: &Copies,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let before = tag.status.as_ref().map_or(0, |status| status.references.len());
        if let Some(status) = self.publish_seen(tag, aim, intake, new, now).await? {
            self.mirrors.done(uid(tag));
            if status.references.len() > before {
                // Nothing fell out of the history, and the copy was given the tag of the current generation.
                self.tidier.schedule.is_tidy(uid(tag), Layout::of(Some(&status), copies), now);
            }
        }
        Ok(Action::await_change())
    }

    /// Copies a generation that is there, and has it used from the cache.
    pub(super) async fn mirror(
        &self,
        tag: &Tag,
        number: i64,
        quiet: bool,
        copies: &Copies,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let status = tag.status.as_ref();
        let known = status.and_then(|status| status.references.get(number));
        let Some((known, (source, digest))) = known.and_then(|known| Some((known, source_of(known)?))) else {
            return Ok(Action::await_change());
        };
        let is_current = status.and_then(|status| status.generation) == Some(number);
        let errand = Errand::Mirror { number, from: source.to_string(), to: copies.name() };
        let to = copies.name();
        let message =
            format!("generation {number}, {source}, is being copied into {to}, or waits for its turn");
        let age = match self.mirrors.look(uid(tag), &errand) {
            Found::Busy(age) => age,
            Found::Nothing => {
                let moved = known.moved_to(&copies.reference(&digest).to_string());
                let (access, tags) = (self.credentials.of(tag).await, Copies::tags(number, is_current));
                self.start(tag, errand, self.copying(source, access, copies, tags), moved);
                Duration::ZERO
            }
            Found::Ended(Ok(moved)) => return self.publish_moved(tag, &moved).await,
            Found::Ended(Err(failure)) => {
                self.mirrors.done(uid(tag));
                if failure.is_lost() && is_current {
                    // The Tag is told, and meanwhile the others have their turn.
                    self.lost.note(uid(tag), number, now);
                }
                return match failure.is_lost() && !is_current {
                    true => Ok(self.leave_lost(tag, number, &failure, now)),
                    false => {
                        let what = format!("copy of generation {number}");
                        self.give_up_for_now(tag, &what, &failure, Duration::ZERO, now).await
                    }
                };
            }
        };
        self.tell_mirroring(tag, number, (!quiet).then_some(message), age, now).await
    }

    async fn publish_moved(&self, tag: &Tag, moved: &Generation) -> Result<Action, Error> {
        if self.write(tag, outcome::moved(tag, moved)).await? {
            let note = format!("generation {} is in the cache: {}", moved.generation, moved.image_reference);
            tracing::info!(namespace = tag.namespace(), name = tag.name_any(), "{note}");
            self.events.tell(tag.object_ref(&()), Tone::Normal, "Mirrored", "Mirror", note);
            self.mirrors.done(uid(tag));
            self.lost.found(uid(tag), moved.generation);
            self.retries.forget(uid(tag));
        }
        Ok(Action::await_change())
    }

    /// Leaves a generation where it is that nobody uses now and that can't be had any more.
    fn leave_lost(&self, tag: &Tag, number: i64, failure: &Failure, now: Timestamp) -> Action {
        if self.lost.note(uid(tag), number, now) {
            let note = format!(
                "generation {number} can't be copied into the cache, and stays as it is: {}",
                failure.message
            );
            tracing::warn!(namespace = tag.namespace(), name = tag.name_any(), "{note}");
            self.events.tell(tag.object_ref(&()), Tone::Warning, failure.reason, "Mirror", note);
        }
        Action::requeue(Duration::ZERO)
    }

    fn copying(&self, source: Reference, access: Access, copies: &Copies, tags: Vec<TagName>) -> Copying {
        let to = self.cache.client(&self.registry, &copies.place);
        let (credentials, destination) = (self.credentials.clone(), copies.destination(tags));
        Copying { source, access, credentials, to, destination }
    }

    fn start(&self, tag: &Tag, errand: Errand, copying: Copying, becomes: Generation) {
        let (places, tidier, mirrors) = (self.places.clone(), self.tidier.clone(), self.mirrors.clone());
        let metrics = self.metrics.clone();
        let tally = Arc::new(Tally::default());
        let counted = tally.clone();
        let (reference, uid) = (ObjectRef::from_obj(tag), uid(tag).to_owned());
        // It may have gone while its registry was asked, or goes while the copy waits: nobody looks for such a job again.
        if !tidier.is_there(&reference, &uid) {
            return;
        }
        let (source, namespace, name) = (copying.source.to_string(), tag.namespace(), tag.name_any());
        let unit = tracing::error_span!("mirror", namespace, name, from = source, to = %copying.destination.registry);
        let work = async move {
            let turn = metrics.copy_waits();
            let _places = places.take(&copying.source).await;
            drop(turn);
            if !tidier.is_there(&reference, &uid) {
                return None;
            }
            counted.begin();
            mirrors.wake(reference);
            Some(copying.run(counted, metrics.copies()).await.map(|()| becomes))
        };
        self.mirrors.start(tag, errand, tally, work.instrument(unit));
    }

    /// Says what is copied, once, and then how far it is; nothing of a copy that is there in a moment. Where it failed before, that
    /// stays told until the copy is there.
    async fn tell_mirroring(
        &self,
        tag: &Tag,
        number: i64,
        message: Option<String>,
        age: Duration,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let working = |message| State::Reconciling { reason: "Mirroring", message };
        let news = self.mirrors.news(uid(tag));
        let pause = match news {
            News::Now(_) => News::EVERY,
            News::In(pause) => pause,
            News::Unbegun => Duration::MAX,
        };
        match (news, message) {
            (News::Now(travelled), message) => {
                let state = message.map(|message| working(format!("{message}: {travelled}")));
                let status = outcome::copying(tag, travelled.of(number), state.as_ref(), now);
                self.write(tag, status).await?;
            }
            (_, Some(_)) if age < MOMENT => return Ok(Action::requeue(pause.min(MOMENT - age))),
            (_, Some(message)) if !outcome::is_copying(tag, number) => {
                self.write(tag, outcome::settled(tag, &working(message), now)).await?;
            }
            _ => {}
        }
        // One that waits for its turn has its Tag looked at when that comes.
        Ok(if pause == Duration::MAX { Action::await_change() } else { Action::requeue(pause) })
    }
}
