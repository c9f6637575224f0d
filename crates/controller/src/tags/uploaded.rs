//! Generations that a person put into the cache.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use tagger_api::Tag;
use tagger_core::generation::{Generation, Trigger};
use tagger_core::reference::Digest;
use tagger_registry::{Client, Destination, Fault};

use super::context::{Context, Error, uid};
use super::outcome;
use crate::mirrors::{Copies, Errand, Failure, Found};

/// An upload that is to become a generation.
pub(super) struct Upload {
    /// The number that it gets.
    pub(super) number: i64,
    /// The image.
    pub(super) digest: Digest,
    /// Whether it becomes the current one.
    pub(super) is_current: bool,
}

impl Context {
    /// Looks for the upload in the Tag's own repository in the cache, where no other namespace's images are, and publishes it.
    pub(super) async fn take_upload(
        &self,
        tag: &Tag,
        Upload { number, digest, is_current }: Upload,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let copies = match self.copies(tag).await {
            Ok(copies) => copies,
            Err(problem) => return self.no_cache(tag, &problem, now).await,
        };
        let errand = Errand::Upload { number, digest: digest.clone(), to: copies.name() };
        match self.mirrors.look(uid(tag), &errand) {
            Found::Busy(_) => {}
            Found::Ended(Ok(new)) => {
                let new = Generation { imported_at: outcome::whole_seconds(now), ..new };
                if self.publish(tag, new, is_current, now).await?.is_some() {
                    self.mirrors.done(uid(tag));
                }
            }
            Found::Ended(Err(failure)) => {
                self.mirrors.done(uid(tag));
                self.metrics.import_failed(Trigger::Upload, failure.reason);
                let what = format!("upload of generation {number}");
                return self.give_up_for_now(tag, &what, &failure, Duration::ZERO, now).await;
            }
            Found::Nothing => {
                let client = self.cache.client(&self.registry, &copies.place);
                let new = Generation {
                    generation: number,
                    from: tag.spec.from.clone(),
                    imported_at: outcome::whole_seconds(now),
                    image_reference: copies.reference(&digest).to_string(),
                    digest: Some(digest),
                    tag: None,
                    media_type: None,
                    trigger: Some(Trigger::Upload),
                    source: None,
                };
                let (tidier, reference) = (self.tidier.clone(), ObjectRef::from_obj(tag));
                let (uid, name) = (uid(tag).to_owned(), tag.name_any());
                let to = copies.destination(Copies::tags(number, is_current));
                self.mirrors.start(tag, errand, Arc::default(), async move {
                    // It may have gone since: nobody looks for such a job again.
                    if !tidier.is_there(&reference, &uid) {
                        return None;
                    }
                    Some(tagged(&client, &to, new, &name).await)
                });
            }
        }
        Ok(Action::await_change())
    }
}

/// The upload, found in the cache and with the tags of its generation there.
async fn tagged(
    client: &Client,
    to: &Destination,
    new: Generation,
    name: &str,
) -> Result<Generation, Failure> {
    let Some(digest) = &new.digest else { return Err(Failure::internal()) };
    let image = to.by_digest(digest);
    let failure = |error: tagger_registry::Error| match error.fault() {
        Fault::NotFound => Failure::not_uploaded(&image, name),
        _ => Failure::of_cache(&error, to),
    };
    // First what asks this one repository and no other, whatever mirrors the cache may have.
    for tag in &to.tags {
        client.tag(&image, tag).await.map_err(failure)?;
    }
    let found = client.resolve(&image, |_| None).await.map_err(failure)?;
    Ok(Generation { media_type: Some(found.media_type), ..new })
}
