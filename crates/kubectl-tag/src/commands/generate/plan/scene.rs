//! An object among the others.

use tagger_core::reference::Reference;

use super::super::object::{Foreign, Governance, Object, Unseen};
use super::super::place::{Place, places};
use super::super::source::Source;
use super::super::verdict::{Unfollowed, verdict};
use super::known::Known;
use super::{Document, Followed, Manifests, Namespace, Note, Wanted};

/// An object, with all that is around it.
pub(super) struct Scene<'m> {
    at: (usize, usize),
    source: &'m Source,
    document: &'m Document,
    pub(super) object: Object<'m>,
    pub(super) namespace: Namespace,
    pub(super) governance: Governance,
}

impl<'m> Scene<'m> {
    /// All objects.
    pub(super) fn all(manifests: &'m [Manifests<'_>], default: Option<&str>) -> Vec<Self> {
        let mut scenes = Vec::new();
        for (file, manifests) in manifests.iter().enumerate() {
            for (number, document) in manifests.documents.iter().enumerate() {
                for object in Object::all(&document.meaning.value) {
                    let namespace = object.namespace().or(default).map(str::to_owned);
                    let governance = object.governance(namespace.as_deref());
                    let (at, source) = ((file, number), manifests.source);
                    scenes.push(Self { at, source, document, object, namespace, governance });
                }
            }
        }
        scenes
    }
}

impl Scene<'_> {
    pub(super) fn verdict(&self, place: &Place<'_>, known: &Known) -> Result<Reference, Unfollowed> {
        let written = self.written(&place.pointer).unwrap_or_default();
        let is_annotated = self.governance == Governance::Governed { is_annotated: true };
        verdict(place.image, written, is_annotated, |name| known.taken.contains(name))
    }

    /// The text of the manifest from a place on.
    fn written(&self, pointer: &str) -> Option<&str> {
        let tree = &self.document.tree;
        let id = tree.at(&format!("{}{pointer}", self.object.pointer))?;
        self.source.text.get(tree.node(id).span.start..)
    }

    pub(super) fn followed(&self, place: &Place<'_>, name: &str) -> Followed {
        let is_seen = || {
            let kind = self.object.known_kind()?;
            let mut places = kind.places(self.object.value).into_iter();
            places.find(|seen| seen.pointer == place.pointer)
        };
        let standing = match self.governance {
            Governance::Governed { is_annotated } if is_seen().is_some() => Ok(is_annotated),
            Governance::Unseen(why) => Err(why),
            _ => Err(Unseen::Place),
        };
        Followed {
            at: self.at,
            object: self.object.pointer.clone(),
            pointer: format!("{}{}", self.object.pointer, place.pointer),
            name: name.to_owned(),
            standing,
            bearer: self.bearer(place),
            line: self.line(&place.pointer),
        }
    }

    /// The object, for people.
    fn name(&self) -> String {
        let namespace = self.namespace.as_ref().filter(|_| !self.object.is_namespace());
        let namespace = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
        format!("{} {namespace}{}", self.object.kind, self.object.name()).trim_end().to_owned()
    }

    fn bearer(&self, place: &Place<'_>) -> String {
        format!("{}, {}", self.name(), place.bearer)
    }

    fn line(&self, pointer: &str) -> usize {
        let tree = &self.document.tree;
        let id = tree.at(&format!("{}{pointer}", self.object.pointer));
        id.map_or(1, |id| tree.node(id).line)
    }

    fn note(&self, pointer: &str, text: String) -> Note {
        Note::new(self.at.0, self.source, self.line(pointer), text)
    }

    pub(super) fn pinned(&self, place: &Place<'_>, image: &Reference) -> Option<Note> {
        let why = "its image bears a digest as well, so its Tag stays at that until spec.from is changed";
        image.digest().map(|_| self.note(&place.pointer, format!("{}: {why}", self.bearer(place))))
    }

    pub(super) fn late(&self, tags: &[Wanted]) -> Option<Note> {
        let is_of = |tag: &Wanted| tag.namespace.as_deref() == Some(self.object.name());
        let has_tags = self.object.is_namespace() && tags.iter().any(is_of);
        has_tags.then(|| self.note("", format!("{}: its Tags come before it; apply it first", self.name())))
    }

    /// An image that names a Tag is as it should be.
    pub(super) fn unfollowed(&self, place: &Place<'_>, why: &Unfollowed) -> Option<Note> {
        let is_right = *why == Unfollowed::Tag;
        (!is_right).then(|| self.note(&place.pointer, format!("{}: no Tag: {why}", self.bearer(place))))
    }

    pub(super) fn foreign(&self, why: Foreign) -> Option<Note> {
        let why = match why {
            Foreign::Tag | Foreign::Definition => return None,
            Foreign::HandsOff => "its annotation image-tag is neither \"true\" nor \"strict\"",
            Foreign::Made => "a controller made it from a template, whose images count",
        };
        let bears_images = !places(self.object.value).is_empty();
        bears_images.then(|| self.note("", format!("{}: no Tags for its images: {why}", self.name())))
    }
}
