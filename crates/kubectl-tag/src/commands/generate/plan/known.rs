//! The Tags of a namespace.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tagger_core::reference::Reference;

use super::super::naming;
use super::super::object::Object;
use super::super::verdict::meant;

/// What is known of a namespace.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The names of its Tags in the manifests.
    pub(super) taken: BTreeSet<String>,
    /// The Tags that follow an image, in the manifests and, once [`Known::name`] has named them, those to make.
    followed: BTreeMap<Reference, String>,
    /// The images that need a Tag, and how they are written.
    wanted: BTreeMap<Reference, Reference>,
}

impl Known {
    /// A Tag with a policy follows no one image.
    pub(super) fn learn(&mut self, tag: &Object<'_>) {
        self.taken.insert(tag.name().to_owned());
        let has_policy = tag.value.pointer("/spec/policy").is_some_and(|policy| !policy.is_null());
        let from = tag.value.pointer("/spec/from").and_then(Value::as_str);
        if let Some(Ok(from)) = from.filter(|_| !has_policy).map(str::parse::<Reference>) {
            self.followed.entry(meant(&from)).or_insert_with(|| tag.name().to_owned());
        }
    }

    /// Of two ways to write the same image, the one with a registry leaves no doubt.
    pub(super) fn want(&mut self, reference: &Reference) {
        let meant = meant(reference);
        if !self.followed.contains_key(&meant) {
            let written = self.wanted.entry(meant).or_insert_with(|| reference.clone());
            if written.registry().is_none() {
                written.clone_from(reference);
            }
        }
    }

    /// Names the Tags to make, once all images are known.
    pub(super) fn name(&mut self) {
        let images = self.wanted.keys().cloned().collect();
        self.followed.extend(naming::names(&images, &self.taken));
    }

    /// The Tag that follows an image.
    pub(super) fn tag(&self, image: &Reference) -> Option<&str> {
        self.followed.get(&meant(image)).map(String::as_str)
    }

    /// The Tags to make: their names and what they follow.
    pub(super) fn made(&self) -> impl Iterator<Item = (&str, &Reference)> {
        self.wanted.values().filter_map(|from| Some((self.tag(from)?, from)))
    }
}
