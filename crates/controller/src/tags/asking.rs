//! Asking a registry what a Tag follows, what comes of the answer, and what is done when there is none.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use tagger_api::Tag;
use tagger_api::annotations::FIELD_MANAGER;
use tagger_api::conditions::State;
use tagger_core::decide::{Situation, Step};
use tagger_core::follow::{Consequence, consequence};
use tagger_core::generation::{Generation, Trigger};
use tagger_core::reference::Reference;
use tagger_core::tracking::SHORTEST_INTERVAL;
use tagger_registry::{Resolved, Retry};

use super::context::{Context, Error, timely, uid};
use super::outcome;
use super::reconcile::Aim;
use crate::attention::Count;
use crate::events::Tone;
use crate::looks::{Found, Urgency};
use crate::mirrors::Failure;
use crate::retries::until;

/// What a registry was seen to have, and what is made of it.
#[derive(Clone, Debug)]
pub(super) struct Intake {
    /// The number of the generation to make.
    pub(super) number: i64,
    /// Whether it becomes the current one.
    pub(super) is_current: bool,
    /// What asked for it.
    pub(super) trigger: Trigger,
    /// What was seen.
    pub(super) resolved: Resolved,
    /// Whether nothing but tracking asked for it.
    pub(super) is_tracked: bool,
    /// How many hints there had been when the look began.
    pub(super) heard: Count,
}

/// What a look at a registry comes to.
pub(super) enum Looked {
    /// There is something to import.
    New(Intake),
    /// There is nothing new.
    Same,
    /// It is not known yet, or something else comes first.
    Later(Action),
}

impl Intake {
    /// The generation that it makes, used from where it comes from.
    pub(super) fn generation(&self, tag: &Tag, now: Timestamp) -> Generation {
        let Resolved { reference, digest, media_type, .. } = &self.resolved;
        Generation {
            generation: self.number,
            from: tag.spec.from.clone(),
            imported_at: outcome::whole_seconds(now),
            image_reference: reference.pinned(digest).to_string(),
            digest: Some(digest.clone()),
            tag: reference.tag().map(ToString::to_string),
            media_type: Some(media_type.clone()),
            trigger: Some(self.trigger),
            source: None,
        }
    }
}

impl Context {
    /// Looks at the registry, where the step wants that.
    pub(super) async fn look(
        &self,
        tag: &Arc<Tag>,
        aim: &Aim,
        (step, situation): (&Step, &Situation<'_>),
    ) -> Result<Looked, Error> {
        let now = situation.now;
        let (trigger, imports) = match *step {
            Step::Import { number, trigger: Trigger::Spec, is_current } => {
                (self.attention.trigger_of(uid(tag), number), Some((number, is_current)))
            }
            Step::Import { number, trigger, is_current } => (trigger, Some((number, is_current))),
            Step::Look { trigger } => (trigger, None),
            _ => return Ok(Looked::Same),
        };
        // Of a number that the specification names nobody knows how long it is waited for.
        let urgency = match (trigger, imports) {
            (Trigger::Poll, None) => Urgency::Patient,
            _ => Urgency::Urgent,
        };
        let (heard, seen) = match self.looks.ask(tag, aim.from.registry(), urgency) {
            Found::Busy(held) => return self.wait(tag, &aim.from, held, now).await.map(Looked::Later),
            Found::Ended { heard, seen } => (heard, seen),
        };
        let resolved = match seen {
            Ok(resolved) => resolved,
            Err(failure) => {
                self.looks.done(uid(tag));
                if imports.is_none() {
                    self.metrics.looked("failed");
                }
                let what = format!("import of {}", tag.spec.from);
                let interval = aim.tracking.interval.unwrap_or(SHORTEST_INTERVAL);
                let least = match (urgency, failure.retry) {
                    (Urgency::Urgent, _) => Duration::ZERO,
                    (Urgency::Patient, Retry::Soon) => SHORTEST_INTERVAL,
                    (Urgency::Patient, _) => interval,
                };
                self.metrics.import_failed(trigger, failure.reason);
                return self.give_up_for_now(tag, &what, &failure, least, now).await.map(Looked::Later);
            }
        };
        let new = |number, is_current| {
            let is_tracked = imports.is_none();
            Looked::New(Intake { number, is_current, trigger, resolved: resolved.clone(), is_tracked, heard })
        };
        let comes = match imports {
            Some((number, true)) => Consequence::Import { number },
            Some((number, false)) => Consequence::Record { number },
            None => consequence(situation.wanted, situation.history, &resolved.digest),
        };
        match comes {
            Consequence::Nothing => {
                self.metrics.looked("same");
                self.noted(tag, aim, heard, now);
                // It can be had, whatever was told before.
                self.retries.forget(uid(tag));
                Ok(Looked::Same)
            }
            Consequence::Import { number } => Ok(new(number, true)),
            Consequence::Record { number } => Ok(new(number, false)),
            Consequence::Raise { number } => self.raise(tag, number, trigger, now).await.map(Looked::Later),
        }
    }

    /// Notes that what was seen counts now, or that there was nothing new to it.
    pub(super) fn noted(&self, tag: &Tag, aim: &Aim, heard: Count, now: Timestamp) {
        self.looks.done(uid(tag));
        if self.attention.looked(uid(tag), heard, &aim.tracking, now) {
            self.looks.wake(tag);
        }
    }

    /// Waits for a look. A Tag that was told nothing yet is told that its registry does not answer others.
    async fn wait(
        &self,
        tag: &Tag,
        from: &Reference,
        held: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let observed = tag.status.as_ref().and_then(|status| status.observed_generation);
        if let (true, Some(_), Some(registry)) = (observed != tag.metadata.generation, held, from.registry())
        {
            let message = format!("{registry} does not answer other Tags; it is asked again soon");
            let waits = State::Reconciling { reason: "Unreachable", message };
            self.write(tag, outcome::settled(tag, &waits, now)).await?;
        }
        Ok(Action::await_change())
    }

    /// Raises the number that the specification names. The import follows from that, after a crash as well.
    async fn raise(&self, tag: &Tag, number: i64, trigger: Trigger, now: Timestamp) -> Result<Action, Error> {
        let api: Api<Tag> = Api::namespaced(self.client.clone(), &tag.namespace().unwrap_or_default());
        // Over the version that was looked at: a person who steps back at this moment is first.
        let patch = json!({
            "metadata": { "resourceVersion": tag.metadata.resource_version },
            "spec": { "generation": number },
        });
        let (params, patch) = (PatchParams::apply(FIELD_MANAGER), Patch::Merge(&patch));
        let raised = timely(Box::pin(api.patch_metadata(&tag.name_any(), &params, &patch))).await?;
        match raised {
            Ok(_) => {
                self.metrics.looked("new");
                self.attention.raised(uid(tag), number, trigger);
                let note =
                    format!("{} has a new digest: spec.generation is raised to {number}", tag.spec.from);
                self.events.tell(tag.object_ref(&()), Tone::Normal, "Raised", "Track", note);
                Ok(Action::await_change())
            }
            Err(kube::Error::Api(refused)) if refused.is_conflict() || refused.is_not_found() => {
                Ok(Action::await_change())
            }
            // Who sees the Tag only must not believe that it is as new as it can be.
            Err(kube::Error::Api(refused)) if (400..429).contains(&refused.code) => {
                self.looks.done(uid(tag));
                tracing::warn!(namespace = tag.namespace(), name = tag.name_any(), error = %refused, "not raised");
                let failure = Failure::not_raised(number, refused.code);
                self.metrics.import_failed(trigger, failure.reason);
                let what = format!("import of {}", tag.spec.from);
                self.give_up_for_now(tag, &what, &failure, Duration::ZERO, now).await
            }
            Err(error) => Err(Error::Raise(error)),
        }
    }

    /// Notes that an import or a copy failed, and tells the Tag of `what` it was. What is published stays.
    pub(super) async fn give_up_for_now(
        &self,
        tag: &Tag,
        what: &str,
        failure: &Failure,
        least: Duration,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let reason = failure.reason;
        // What only a person can mend is asked for again as well: nobody tells Tagger when an image was pushed at last.
        let asked = match failure.retry {
            Retry::After(pause) => Some(pause.max(least)),
            Retry::Soon | Retry::WhenChanged => None,
        };
        let due = self.retries.failed(uid(tag), tag.metadata.generation, asked, least, now);
        let message = match asked {
            Some(_) => format!("{}; the next try is at {}", failure.message, outcome::whole_seconds(due)),
            None => failure.message.clone(),
        };
        tracing::warn!(
            namespace = tag.namespace(),
            name = tag.name_any(),
            reason,
            why = message,
            "{what} failed"
        );
        let is_news = !outcome::says(tag, reason);
        if self.write(tag, outcome::failed(tag, reason, message.clone(), now)).await? && is_news {
            let note = format!("{what} failed: {message}");
            self.events.tell(tag.object_ref(&()), Tone::Warning, reason, "Import", note);
        }
        Ok(Action::requeue(until(due, Timestamp::now()).max(Duration::from_millis(100))))
    }
}
