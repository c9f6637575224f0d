//! Asking a registry what a Tag's `from` points at, and what is done when it does not say.

use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use tagger_api::Tag;
use tagger_api::conditions::State;
use tagger_core::generation::{Generation, Trigger};
use tagger_core::reference::Reference;
use tagger_registry::{Fault, Resolved, Retry};

use super::outcome;
use super::reconcile::{Context, Error, uid};
use crate::credentials::Access;
use crate::events::Tone;
use crate::mirrors::Failure;
use crate::retries::{spread, until};

impl Context {
    /// Asks the registry what a Tag's `from` points at now, or says when to look at the Tag again.
    pub(super) async fn ask(
        &self,
        tag: &Tag,
        from: &Reference,
        now: Timestamp,
    ) -> Result<Result<(Resolved, Access), Action>, Error> {
        let places = self.registries.places(from).acquire_owned().await;
        if let Some(held) = self.registries.held_until(from, now) {
            return self.hold(tag, from, held, now).await.map(Err);
        }
        let known = outcome::known_here(tag, from);
        // On the heap, and only now: a thousand Tags may wait for a place.
        let access = Box::pin(self.credentials.of(tag)).await;
        if let (None, Some(why)) = (from.registry(), access.uncertainty()) {
            // A registry that refuses us for that would be passed over, and the image of the next one taken.
            let failure = Failure::without_secrets(from, &why);
            return self.give_up_for_now(tag, &format!("import of {from}"), &failure, now).await.map(Err);
        }
        let resolved = Box::pin(access.client.resolve(from, |digest| known.get(digest).cloned())).await;
        drop(places);
        match &resolved {
            Err(error) if matches!(error.fault(), Fault::Unreachable { .. } | Fault::Timeout { .. }) => {
                self.registries.is_silent(from, Timestamp::now());
            }
            _ => self.registries.answers(from),
        }
        match resolved {
            Ok(resolved) => Ok(Ok((resolved, access))),
            Err(error) => {
                let message = self.credentials.failed(&access, &error).await;
                let failure = Failure { message, ..Failure::of_source(&error) };
                let what = format!("import of {}", tag.spec.from);
                self.give_up_for_now(tag, &what, &failure, now).await.map(Err)
            }
        }
    }

    /// Leaves a registry alone that did not answer other Tags. A Tag that was told nothing yet is told why.
    async fn hold(
        &self,
        tag: &Tag,
        from: &Reference,
        until_when: Timestamp,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let observed = tag.status.as_ref().and_then(|status| status.observed_generation);
        if let (true, Some(registry)) = (observed != tag.metadata.generation, from.registry()) {
            let message = format!("{registry} does not answer other Tags; it is asked again soon");
            let waits = State::Reconciling { reason: "Unreachable", message };
            self.write(tag, outcome::settled(tag, &waits, now)).await?;
        }
        Ok(Action::requeue(spread(until(until_when, now), uid(tag))))
    }

    /// Notes that an import or a copy failed, and tells the Tag of `what` it was. What is published stays.
    pub(super) async fn give_up_for_now(
        &self,
        tag: &Tag,
        what: &str,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let (reason, message) = (failure.reason, &failure.message);
        tracing::warn!(namespace = tag.namespace(), name = tag.name_any(), reason, message, "{what} failed");
        // What only a person can mend is asked for again as well: nobody tells Tagger when an image was pushed at last.
        let asked = match failure.retry {
            Retry::After(pause) => Some(pause),
            Retry::Soon | Retry::WhenChanged => None,
        };
        let due = self.retries.failed(uid(tag), tag.metadata.generation, asked, now);
        if self.write(tag, outcome::failed(tag, reason, message.clone(), now)).await? {
            let note = format!("{what} failed: {message}");
            self.events.tell(tag.object_ref(&()), Tone::Warning, reason, "Import", note);
        }
        Ok(Action::requeue(until(due, Timestamp::now()).max(Duration::from_millis(100))))
    }
}

/// The generation that a Tag imports, used from where it comes from.
pub(super) fn imported(tag: &Tag, number: i64, resolved: Resolved, now: Timestamp) -> Generation {
    Generation {
        generation: number,
        from: tag.spec.from.clone(),
        imported_at: outcome::whole_seconds(now),
        image_reference: resolved.reference.pinned(&resolved.digest).to_string(),
        digest: Some(resolved.digest),
        tag: resolved.reference.tag().map(ToString::to_string),
        media_type: Some(resolved.media_type),
        trigger: Some(Trigger::Spec),
        source: None,
    }
}
