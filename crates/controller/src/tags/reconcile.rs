//! One look at a Tag: what it needs, done.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use tagger_api::Tag;
use tagger_api::conditions::State;
use tagger_api::validation;
use tagger_core::decide::{Situation, Step, decide, refusal};
use tagger_core::generation::History;
use tagger_core::reference::Reference;
use tagger_core::tracking::Tracking;
use tokio::time::Instant;
use tracing::Instrument;

use super::asking::Looked;
use super::context::{Context, Error, uid};
use super::outcome;
use super::uploaded::Upload;
use crate::attention::Due;
use crate::retries::until;

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
}
