//! Hints that other replicas heard: they are on the Tag, and go when they were answered.

use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use tagger_api::Tag;
use tagger_api::annotations::{FIELD_MANAGER, PUSHED};

use super::context::{Context, Error, timely, uid};
use super::reconcile::Aim;

/// Where the annotation is in a Tag.
const POINTER: &str = "/metadata/annotations/images.io~1pushed";

impl Context {
    /// Hears what other replicas heard.
    pub(super) fn hear_others(&self, tag: &Tag) {
        if let Some(told) = told(tag) {
            self.attention.relayed(uid(tag), told);
        }
    }

    /// Takes away what other replicas heard, once it was answered, or where nobody wants to hear it. Says whether it did.
    pub(super) async fn has_heard_others(&self, tag: &Tag, aim: &Aim) -> Result<bool, Error> {
        let Some(told) = told(tag) else { return Ok(false) };
        if aim.tracking.push && !self.attention.is_answered(uid(tag)) {
            return Ok(false);
        }
        let api: Api<Tag> = Api::namespaced(self.client.clone(), &tag.namespace().unwrap_or_default());
        // What was heard since then stays.
        let patch =
            json!([{ "op": "test", "path": POINTER, "value": told }, { "op": "remove", "path": POINTER }]);
        let patch: json_patch::Patch = serde_json::from_value(patch).unwrap_or_default();
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let (name, patch) = (tag.name_any(), Patch::Json::<()>(patch));
        match timely(Box::pin(api.patch_metadata(&name, &params, &patch))).await? {
            Ok(_) => Ok(true),
            // The watch tells of another text, or of the end of the Tag.
            Err(kube::Error::Api(refused)) if [404, 409, 422].contains(&refused.code) => Ok(true),
            Err(error) => Err(Error::Heard(error)),
        }
    }
}

fn told(tag: &Tag) -> Option<&str> {
    tag.metadata.annotations.as_ref()?.get(PUSHED).map(String::as_str)
}
