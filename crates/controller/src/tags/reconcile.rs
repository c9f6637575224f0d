//! One look at a Tag: what it needs, done.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::api::PostParams;
use kube::runtime::controller::Action;
use kube::{Api, Client, Resource, ResourceExt};
use tagger_api::annotations::FIELD_MANAGER;
use tagger_api::conditions::State;
use tagger_api::validation;
use tagger_api::{Tag, TagStatus};
use tagger_core::decide::{Situation, Step, decide, refusal};
use tagger_core::generation::{Generation, History, Trigger};
use tagger_core::reference::Reference;
use tagger_core::tracking::Tracking;
use tokio::time::Instant;
use tracing::Instrument;

use super::asking::{Intake, Looked};
use super::outcome;
use super::requests::Requests;
use super::uploaded::Upload;
use crate::attention::{Attention, Due};
use crate::cache::Cache;
use crate::credentials::Credentials;
use crate::events::{Events, Tone};
use crate::leadership::Leadership;
use crate::looks::Looks;
use crate::metrics::Metrics;
use crate::mirrors::{Copies, Lost, Mirrors, Places, Tidier};
use crate::retries::{Retries, until};
use crate::usage::{Usage, UsageError};

/// What bringing a Tag to where it is wanted takes.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) leadership: Leadership,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) events: Events,
    pub(crate) metrics: Metrics,
    pub(crate) retries: Retries,
    /// Which Tags are to be looked at though nothing of them changed.
    pub(crate) attention: Arc<Attention>,
    pub(crate) looks: Looks,
    pub(crate) usage: Usage,
    /// The client that namespaces give their credentials to.
    pub(crate) registry: tagger_registry::Client,
    pub(crate) cache: Cache,
    pub(crate) mirrors: Mirrors,
    /// For copies.
    pub(crate) places: Arc<Places>,
    /// Generations that can't be copied any more.
    pub(crate) lost: Lost,
    /// What people asked for with `kubectl tag`.
    pub(crate) requests: Requests,
    pub(crate) tidier: Arc<Tidier>,
    /// By uid, the version of a Tag that a status was written over. A look at that version is a look at the past.
    pub(crate) written_over: Mutex<HashMap<String, String>>,
    /// The uids of Tags whose status was refused as a conflict, until they are looked at again for that.
    pub(crate) refused: Mutex<HashSet<String>>,
}

/// Why a Tag could not be brought to where it is wanted for now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server did not take the status.
    #[error("the status of the Tag could not be written: {0}")]
    Status(#[source] kube::Error),
    /// The API server did not let the specification be raised.
    #[error("spec.generation could not be raised, though the image has a new digest: {0}")]
    Raise(#[source] kube::Error),
    /// The API server did not let the note of a push be taken away.
    #[error("the annotation images.io/pushed could not be taken away: {0}")]
    Heard(#[source] kube::Error),
    /// Which generations are in use could not be found out, so none may go.
    #[error("which generations of the Tag are in use could not be found out: {0}")]
    Usage(#[source] UsageError),
    /// The API server hangs.
    #[error("the API server did not answer within {LONGEST:?}")]
    TooSlow,
}

/// How long the API server may take. Registries have limits of their own.
const LONGEST: Duration = Duration::from_secs(30);

/// How soon a thing is looked at again whose write was refused as a conflict. The watch tells of the newer version sooner, unless there
/// is none: some proxies and webhooks answer 409 to what they can't do now.
pub(crate) const CONFLICTED: Duration = Duration::from_secs(3);

/// What a specification asks for, read.
#[derive(Debug)]
pub(super) struct Aim {
    /// Where the Tag imports from.
    pub(super) from: Reference,
    /// What makes it look without a person.
    pub(super) tracking: Tracking,
}

/// Looks at a Tag, where this process leads. What another one leads is told here when it leads no more.
pub(crate) async fn reconcile(tag: Arc<Tag>, context: Arc<Context>) -> Result<Action, Error> {
    let since = Instant::now();
    let unit =
        tracing::error_span!("reconcile", kind = "Tag", namespace = tag.namespace(), name = tag.name_any());
    let looked = context.leadership.work(bring(&tag, &context).instrument(unit)).await;
    let Some(outcome) = looked else { return Ok(Action::await_change()) };
    context.metrics.looked_at_tag(since, outcome.is_ok());
    outcome
}

/// Looks at a Tag and does its next step. Doing it twice is as doing it once: a status is written only over the version of
/// the Tag that was looked at.
async fn bring(tag: &Arc<Tag>, context: &Context) -> Result<Action, Error> {
    let action = step(tag, context).await?;
    let was_refused = context.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(uid(tag));
    Ok(if was_refused { Action::requeue(CONFLICTED) } else { action })
}

async fn step(tag: &Arc<Tag>, context: &Context) -> Result<Action, Error> {
    if tag.metadata.deletion_timestamp.is_some() {
        context.drop_work(tag);
        return Ok(Action::await_change());
    }
    if context.is_past(tag) {
        return Ok(Action::await_change());
    }
    let now = Timestamp::now();
    let aim = match readable(tag) {
        Ok(aim) => aim,
        Err(stalled) => {
            context.drop_work(tag);
            return context.settle(tag, &stalled, now).await;
        }
    };
    let none = History::default();
    let status = tag.status.as_ref();
    context.hear_others(tag);
    let copies = context.copies_of(tag).await;
    let mirroring = context.mirroring(tag, copies.as_ref());
    let due = context.due(tag, &aim, now);
    let request = context.request(tag);
    let mut situation = Situation {
        from: &aim.from,
        wanted: tag.spec.generation,
        suspended: tag.spec.is_suspended(),
        current: status.and_then(|status| status.generation),
        history: status.map_or(&none, |status| &status.references),
        mirroring: &mirroring,
        requested: request.as_ref(),
        retry_at: context.retries.due(uid(tag), tag.metadata.generation, now),
        look: if let Due::Now(trigger) = due { Some(trigger) } else { None },
        now,
    };
    let mut step = decide(&situation);
    let copies = match copies {
        Some(Err(problem)) if step == Step::NoCache => return context.no_cache(tag, &problem, now).await,
        copies => copies.and_then(Result::ok),
    };
    let quiet = situation.retry_at.is_some();
    // While something else that failed waits, a copy goes on, and what came of one is kept.
    let goes_on =
        matches!((&step, &copies), (Step::Import { .. } | Step::Look { .. } | Step::Mirror { .. }, Some(_)));
    if !goes_on && !matches!(step, Step::Wait { .. } | Step::TakeUpload { .. }) {
        context.mirrors.no_copy(uid(tag));
    }
    match step {
        // Boxed, since most Tags never come this far, and there may be very many of them.
        Step::Import { .. } | Step::Look { .. } => {
            match Box::pin(context.look(tag, &aim, (&step, &situation))).await? {
                Looked::Later(action) => return Ok(action),
                Looked::New(intake) => {
                    return Box::pin(context.take_in(tag, &aim, &intake, quiet, copies, now)).await;
                }
                Looked::Same => {
                    situation.look = None;
                    step = decide(&situation);
                }
            }
        }
        _ => context.looks.done(uid(tag)),
    }
    if context.has_heard_others(tag, &aim).await? {
        return Ok(Action::await_change());
    }
    let poll = context.next_poll(tag, &aim, now);
    match (step, copies) {
        (Step::Rest, Some(copies)) => context.rest_in_cache(tag, &copies, &mirroring, poll, now).await,
        (Step::Rest | Step::NoCache, _) => {
            context.settle(tag, &outcome::ready(tag), now).await?;
            Ok(poll.map_or_else(Action::await_change, |poll| Action::requeue(until(poll, now))))
        }
        (Step::Suspended, _) => context.settle(tag, &outcome::suspended(tag), now).await,
        (Step::Wait { until: due }, _) => Ok(Action::requeue(until(due, now))),
        (Step::Refuse { choices }, _) => {
            let stalled = State::Stalled { reason: "InvalidGeneration", message: refusal(&choices) };
            context.settle(tag, &stalled, now).await
        }
        (Step::Select { number }, _) => context.select(tag, number, now).await,
        (Step::Restore, _) => context.restore(tag).await,
        (Step::TakeUpload { number, digest, is_current }, _) => {
            Box::pin(context.take_upload(tag, Upload { number, digest, is_current }, now)).await
        }
        (Step::Mirror { number, quiet }, Some(copies)) => {
            Box::pin(context.mirror(tag, number, quiet, &copies, now)).await
        }
        // What is looked at has been.
        (Step::Mirror { .. } | Step::Import { .. } | Step::Look { .. }, _) => Ok(Action::await_change()),
    }
}

/// What the controller does after an error: the next try comes soon, and later each time.
pub(crate) fn after_error(tag: Arc<Tag>, error: &Error, context: Arc<Context>) -> Action {
    let now = Timestamp::now();
    let due = context.retries.unserved(uid(&tag), tag.metadata.generation, now);
    tracing::warn!(namespace = tag.namespace(), name = tag.name_any(), %error, "Tag: trying again");
    Action::requeue(until(due, now))
}

/// What a Tag asks for, or the state of one whose specification can't be followed.
fn readable(tag: &Tag) -> Result<Aim, State> {
    let problems = validation::problems(&tag.spec);
    if !problems.is_empty() {
        let told: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect();
        return Err(State::Stalled { reason: "InvalidSpec", message: told.join("; ") });
    }
    let invalid = |message: String| State::Stalled { reason: "InvalidSpec", message };
    let from = tag.spec.from.parse();
    let from =
        from.map_err(|error: tagger_core::reference::ReferenceError| invalid(format!("spec.from: {error}")))?;
    let tracking =
        tag.spec.tracking().map_err(|problem| invalid(format!("{}: {}", problem.field, problem.message)))?;
    Ok(Aim { from, tracking })
}

impl Context {
    /// Whether this is a version that a status was written over: the watch has not told of the newer one yet.
    fn is_past(&self, tag: &Tag) -> bool {
        let mut written = self.written_over.lock().unwrap_or_else(PoisonError::into_inner);
        let past = written
            .get(uid(tag))
            .is_some_and(|version| Some(version) == tag.metadata.resource_version.as_ref());
        if !past {
            written.remove(uid(tag));
        }
        past
    }

    pub(super) async fn settle(&self, tag: &Tag, state: &State, now: Timestamp) -> Result<Action, Error> {
        let written = self.write(tag, outcome::settled(tag, state, now)).await?;
        if let (true, State::Stalled { reason, message }) = (written, state) {
            self.events.tell(tag.object_ref(&()), Tone::Warning, reason, "Reconcile", message.clone());
        }
        self.retries.forget(uid(tag));
        Ok(Action::await_change())
    }

    async fn select(&self, tag: &Tag, number: i64, now: Timestamp) -> Result<Action, Error> {
        let before = tag.status.clone().unwrap_or_default();
        let status = outcome::at(tag, number, before.references, now);
        let reference = status.image_reference.clone().unwrap_or_default();
        if self.write(tag, status).await? {
            let (reason, way) = match before.generation {
                Some(old) if old > number => ("Downgraded", "down"),
                _ => ("Upgraded", "up"),
            };
            let note = format!("went {way} to generation {number}: {reference}");
            self.events.tell(tag.object_ref(&()), Tone::Normal, reason, "Select", note);
        }
        Ok(Action::await_change())
    }

    /// Imports what was seen: at once, or when its copy is in the cache.
    async fn take_in(
        &self,
        tag: &Tag,
        aim: &Aim,
        intake: &Intake,
        quiet: bool,
        copies: Option<Copies>,
        now: Timestamp,
    ) -> Result<Action, Error> {
        match copies {
            Some(copies) => self.import_into_cache(tag, aim, intake, quiet, &copies, now).await,
            None => {
                self.publish_seen(tag, aim, intake, intake.generation(tag, now), now).await?;
                Ok(Action::await_change())
            }
        }
    }

    /// Publishes what was seen, and takes note of that.
    pub(super) async fn publish_seen(
        &self,
        tag: &Tag,
        aim: &Aim,
        intake: &Intake,
        new: Generation,
        now: Timestamp,
    ) -> Result<Option<TagStatus>, Error> {
        let new = Generation { trigger: Some(intake.trigger), ..new };
        let written = self.publish(tag, new, intake.is_current, now).await?;
        if written.is_some() {
            if intake.is_tracked {
                self.metrics.looked("new");
            }
            self.noted(tag, aim, intake.heard, now);
        }
        Ok(written)
    }

    /// Writes a new generation, as the current one where it is to be that. Says whether it was written, and where it was, what
    /// with it.
    pub(super) async fn publish(
        &self,
        tag: &Tag,
        new: Generation,
        is_current: bool,
        now: Timestamp,
    ) -> Result<Option<TagStatus>, Error> {
        let before = tag.status.as_ref().and_then(|status| status.generation);
        let current = before.filter(|_| !is_current).unwrap_or(new.generation);
        let namespace = tag.namespace().unwrap_or_default();
        let full =
            tag.status.as_ref().is_some_and(|status| status.references.is_full(tag.spec.history_length()));
        let digests = match full {
            true => timely(self.usage.of(&namespace)).await?.map_err(Error::Usage)?,
            false => Default::default(),
        };
        let (number, image) = (new.generation, &new.image_reference);
        let imported = match new.is_upload() {
            true => format!("took generation {number} from the cache, where it was put: {image}"),
            false => format!("imported generation {number}: {image}"),
        };
        let trigger = new.trigger.unwrap_or(Trigger::Spec);
        let note = match current == new.generation {
            true => imported,
            false => {
                format!("{imported}; generation {current} stays the current one, as spec.generation says")
            }
        };
        let status = outcome::imported(tag, new, current, now, |old| {
            old.digest().is_some_and(|digest| digests.contains(&digest))
        });
        let written = self.write(tag, status.clone()).await?;
        if written {
            tracing::info!(namespace, name = tag.name_any(), "{note}");
            self.events.tell(tag.object_ref(&()), Tone::Normal, "Imported", "Import", note);
            self.metrics.imported(trigger);
        }
        self.retries.forget(uid(tag));
        Ok(written.then_some(status))
    }

    /// Writes a status over the version that was looked at, if it says anything new. Says whether it was written: where
    /// somebody else was first, the watch tells of it, and the Tag is looked at again.
    pub(super) async fn write(&self, tag: &Tag, status: TagStatus) -> Result<bool, Error> {
        if tag.status.as_ref() == Some(&status) {
            return Ok(false);
        }
        let api: Api<Tag> = Api::namespaced(self.client.clone(), &tag.namespace().unwrap_or_default());
        let new = Tag { status: Some(status), metadata: tag.metadata.clone(), spec: tag.spec.clone() };
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        // On the heap: every look would have it with it, and few write.
        match timely(Box::pin(api.replace_status(&tag.name_any(), &params, &new))).await? {
            Ok(_) => {
                let version = tag.metadata.resource_version.clone().unwrap_or_default();
                let mut written = self.written_over.lock().unwrap_or_else(PoisonError::into_inner);
                written.insert(uid(tag).to_owned(), version);
                Ok(true)
            }
            Err(kube::Error::Api(refused)) if refused.is_not_found() => Ok(false),
            Err(kube::Error::Api(refused)) if refused.is_conflict() => {
                let mut all = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(uid(tag).to_owned());
                Ok(false)
            }
            Err(error) => Err(Error::Status(error)),
        }
    }

    /// Notes that a registry told of a Tag. Says whether it is to be reconciled for that: a burst is one hint, and one that comes
    /// while the Tag waits for another try has it tried now, unless its registry asked to be left alone.
    pub(crate) fn hint(&self, tag: &Tag) -> bool {
        let is_news = self.attention.hint(uid(tag));
        self.retries.hurry(uid(tag)) || is_news
    }

    /// Whether a Tag is to be looked at now though its specification asks for nothing, or when.
    fn due(&self, tag: &Tag, aim: &Aim, now: Timestamp) -> Due {
        let observed = tag.status.as_ref().and_then(|status| status.observed_generation);
        // A policy says where to look and not what is there: one that follows and was changed is looked at again. Whether one that
        // failed before this process began was changed is not known any more.
        let is_changed = observed != tag.metadata.generation
            || outcome::not_ready_since(tag).is_some_and(|since| since < self.attention.started());
        if tag.spec.policy.is_some() && tag.spec.generation.is_none() && is_changed {
            self.attention.is_respecified(uid(tag), tag.metadata.generation);
        }
        self.attention.due(uid(tag), &aim.tracking, now)
    }

    /// When a Tag is polled next.
    fn next_poll(&self, tag: &Tag, aim: &Aim, now: Timestamp) -> Option<Timestamp> {
        match self.attention.due(uid(tag), &aim.tracking, now) {
            Due::At(next) => Some(next),
            // What is due and not done can't be done with this specification; and of a hint the Tag is told besides.
            Due::Now(_) | Due::Never => None,
        }
    }

    /// Gives up what is done for a Tag beside the looks at it.
    fn drop_work(&self, tag: &Tag) {
        self.mirrors.no_copy(uid(tag));
        self.looks.done(uid(tag));
    }

    /// Forgets what is done for all Tags but these, by their uid.
    pub(crate) fn retain(&self, uids: &HashSet<String>) {
        self.mirrors.retain(uids);
        self.looks.retain(uids);
        self.attention.retain(uids);
        self.requests.retain(uids);
    }

    /// Begins anew, as a process that started now: what another one did meanwhile is not known. Gives the Tags, by their uid, whose
    /// hints had no answer yet.
    pub(crate) fn restart(&self) -> HashSet<String> {
        let open = self.attention.restart(Timestamp::now());
        self.retain(&HashSet::new());
        open
    }

    /// Forgets a Tag that is gone.
    pub(crate) fn forget(&self, tag: &Tag) {
        self.attention.forget(uid(tag));
        self.looks.done(uid(tag));
        self.credentials.forget(tag);
        self.retries.forget(uid(tag));
        self.mirrors.done(uid(tag));
        self.lost.forget(uid(tag));
        self.requests.forget(uid(tag));
        self.tidier.schedule.forget(uid(tag));
        self.written_over.lock().unwrap_or_else(PoisonError::into_inner).remove(uid(tag));
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(uid(tag));
    }
}

pub(super) async fn timely<T>(call: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(LONGEST, call).await.map_err(|_| Error::TooSlow)
}

pub(super) fn uid(tag: &Tag) -> &str {
    tag.metadata.uid.as_deref().unwrap_or_default()
}
