//! Manifests that use their Tags. Only images and annotations are written; all else stays as it is, byte by byte.

mod annotation;
mod edit;
mod image;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tagger_api::annotations::IMAGE_TAG;

use super::object::Unseen;
use super::plan::{Document, Followed, Manifests, Note, Plan, read};
use crate::problem::Problem;
use edit::Edit;

/// A source, with its Tags in place of images.
#[derive(Debug, PartialEq)]
pub(super) struct Rewritten {
    pub(super) text: String,
    /// Which images stay, and why.
    pub(super) notes: Vec<Note>,
}

/// Why an image stays although a Tag follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Unseen(Unseen),
    /// The same text means another image as well, or something else.
    Shared,
    /// The image is not written in one piece.
    Scattered,
    /// There is no place for the annotation.
    NoAnnotation(&'static str),
}

/// Rewrites one of the manifests that a plan is made from.
pub(super) fn rewrite(plan: &Plan, file: usize, manifests: &Manifests<'_>) -> Result<Rewritten, Problem> {
    let source = manifests.source;
    let (mut edits, mut notes, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    for (number, document) in manifests.documents.iter().enumerate() {
        let followed: Vec<&Followed> = plan.followed.iter().filter(|one| one.at == (file, number)).collect();
        let change = Change::of(&source.text, document, &followed);
        expected.push(change.meaning(document));
        edits.extend(change.edits);
        notes.extend(change.kept.into_iter().map(|(one, why)| {
            Note::new(file, source, one.line, format!("{}: its image stays: {why}", one.bearer))
        }));
    }
    let text = edit::apply(&source.text, edits);
    let meant = read(&super::source::Source::new(&source.name, &text))
        .map(|manifests| manifests.documents.into_iter().map(|document| document.meaning.value).collect());
    if meant != Ok(expected) {
        return Err(Problem::Invalid(
            format!("{} can't be changed in place so that nothing else in it changes", source.name),
            Some("leave out --rewrite, and write the names of the Tags by hand".to_owned()),
        ));
    }
    Ok(Rewritten { text, notes })
}

/// What changes in a document.
struct Change<'p> {
    edits: Vec<Edit>,
    /// The images that change.
    images: Vec<&'p Followed>,
    /// The objects that get the annotation.
    annotated: BTreeSet<&'p str>,
    kept: Vec<(&'p Followed, Kept)>,
}

impl<'p> Change<'p> {
    fn of(text: &str, document: &Document, followed: &[&'p Followed]) -> Self {
        let (mut wanted, mut kept) = (Vec::new(), Vec::new());
        let mut annotations = BTreeMap::new();
        for one in followed {
            match one.standing {
                Ok(true) => wanted.push(*one),
                Ok(false) => {
                    let place = annotations
                        .entry(one.object.as_str())
                        .or_insert_with(|| annotation::place(text, document, &one.object));
                    match place {
                        Ok(_) => wanted.push(*one),
                        Err(why) => kept.push((*one, Kept::NoAnnotation(why))),
                    }
                }
                Err(why) => kept.push((*one, Kept::Unseen(why))),
            }
        }
        let (images, mut edits, unsafe_ones) = image::edits(text, document, &wanted);
        kept.extend(unsafe_ones);
        // What has no image changed needs no annotation.
        let changed: BTreeSet<&str> = images.iter().map(|one| one.object.as_str()).collect();
        let mut annotated = BTreeSet::new();
        for (object, place) in annotations {
            if let (true, Ok(edit)) = (changed.contains(object), place) {
                annotated.insert(object);
                edits.push(edit);
            }
        }
        Self { edits, images, annotated, kept }
    }

    /// What the document is to mean then.
    fn meaning(&self, document: &Document) -> Value {
        let mut value = document.meaning.value.clone();
        for one in &self.images {
            if let Some(image) = value.pointer_mut(&one.pointer) {
                *image = json!(one.name);
            }
        }
        for object in &self.annotated {
            if let Some(object) = value.pointer_mut(object)
                && !object["metadata"]["annotations"].is_object()
            {
                object["metadata"]["annotations"] = json!({});
            }
            if let Some(object) = value.pointer_mut(object) {
                object["metadata"]["annotations"][IMAGE_TAG] = json!("true");
            }
        }
        value
    }
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unseen(Unseen::Kind) => f.write_str("Tagger does not govern this kind"),
            Self::Unseen(Unseen::KubeSystem) => f.write_str("Tagger leaves the namespace kube-system alone"),
            Self::Unseen(Unseen::Place) => f.write_str(
                "Tagger looks for no image there, or the object has a shape that no cluster takes",
            ),
            Self::Shared => f.write_str(
                "an anchor shares it with what must not change; write the Tag's name by hand where it is meant",
            ),
            Self::Scattered => f.write_str("it is not written in one piece; write the Tag's name by hand"),
            Self::NoAnnotation(why) => {
                write!(f, "{why}; write the Tag's name and the annotation image-tag: \"true\" by hand")
            },
        }
    }
}

#[cfg(test)]
mod tests;
