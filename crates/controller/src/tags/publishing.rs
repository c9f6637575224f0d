//! What comes of a look at a Tag, written into its status and told.

use std::sync::PoisonError;

use jiff::Timestamp;
use kube::api::PostParams;
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt};
use tagger_api::annotations::FIELD_MANAGER;
use tagger_api::conditions::State;
use tagger_api::{Tag, TagStatus};
use tagger_core::generation::{Generation, Trigger};

use super::asking::Intake;
use super::context::{Context, Error, timely, uid};
use super::outcome;
use super::reconcile::Aim;
use crate::events::Tone;
use crate::mirrors::Copies;

impl Context {
    /// Whether this is a version that a status was written over: the watch has not told of the newer one yet.
    pub(super) fn is_past(&self, tag: &Tag) -> bool {
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

    pub(super) async fn select(&self, tag: &Tag, number: i64, now: Timestamp) -> Result<Action, Error> {
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
    pub(super) async fn take_in(
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
}
