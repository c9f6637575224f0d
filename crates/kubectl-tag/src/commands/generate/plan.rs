//! Which Tags manifests need, and which image becomes which.

mod known;
mod note;
mod scene;

use std::collections::BTreeMap;

use serde_json::Value;
use tagger_core::reference::Reference;

use super::object::{Governance, Unseen};
use super::place::places;
use super::source::Source;
use super::yaml::{Flaw, Meaning, Tree, parse};
use known::Known;
pub(super) use note::Note;
use scene::Scene;

/// A namespace, or none where manifests leave it to whoever applies them.
pub(super) type Namespace = Option<String>;

/// A source, read.
#[derive(Debug)]
pub(super) struct Manifests<'s> {
    pub(super) source: &'s Source,
    pub(super) documents: Vec<Document>,
}

/// A document, read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) tree: Tree,
    pub(super) meaning: Meaning,
}

/// A Tag to make.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub(super) namespace: Namespace,
    pub(super) name: String,
    pub(super) from: Reference,
}

/// An image that a Tag follows.
#[derive(Debug)]
pub(super) struct Followed {
    /// Which of the manifests, and which document of it, from 0.
    pub(super) at: (usize, usize),
    /// The JSON pointers to the object and to the image, from the document.
    pub(super) object: String,
    pub(super) pointer: String,
    /// The Tag.
    pub(super) name: String,
    /// Whether the object bears the annotation, where it is governed; else why it is not.
    pub(super) standing: Result<bool, Unseen>,
    /// The object and the container.
    pub(super) bearer: String,
    /// The line of the image.
    pub(super) line: usize,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The Tags to make, by namespace and name.
    pub(super) tags: Vec<Wanted>,
    /// The images that Tags follow.
    pub(super) followed: Vec<Followed>,
    /// What people should know of the others.
    pub(super) notes: Vec<Note>,
    /// What people should know of the Namespaces of Tags that are printed before them.
    pub(super) late: Vec<Note>,
}

/// Reads a source.
pub(super) fn read(source: &Source) -> Result<Manifests<'_>, Flaw> {
    let mut documents = Vec::new();
    for tree in parse(&source.text)? {
        let line = tree.root().map_or(1, |root| tree.node(root).line);
        let flaw = |why: &str| Flaw { document: tree.number, line, why: why.to_owned() };
        let meaning = Meaning::of(&tree).ok_or_else(|| flaw("its aliases mean too much, or have no end"))?;
        if !matches!(meaning.value, Value::Null | Value::Object(_)) {
            return Err(flaw("it is no object of Kubernetes but a text, a number or a list"));
        }
        documents.push(Document { tree, meaning });
    }
    Ok(Manifests { source, documents })
}

/// Says what manifests need. Objects that name no namespace are in `default`.
pub(super) fn plan(manifests: &[Manifests<'_>], default: Option<&str>) -> Plan {
    let scenes = Scene::all(manifests, default);
    let mut known = BTreeMap::<Namespace, Known>::new();
    for scene in scenes.iter().filter(|scene| scene.object.is_tag()) {
        known.entry(scene.namespace.clone()).or_default().learn(&scene.object);
    }
    let mut plan = Plan { notes: without_kind(manifests), ..Plan::default() };
    let mut found = Vec::new();
    for scene in &scenes {
        let known = known.entry(scene.namespace.clone()).or_default();
        match scene.governance {
            Governance::Foreign(why) => plan.notes.extend(scene.foreign(why)),
            _ => {
                for place in places(scene.object.value) {
                    match scene.verdict(&place, known) {
                        Ok(reference) => {
                            plan.notes.extend(scene.pinned(&place, &reference));
                            known.want(&reference);
                            found.push((scene, place, reference));
                        }
                        Err(why) => plan.notes.extend(scene.unfollowed(&place, &why)),
                    }
                }
            }
        }
    }
    known.values_mut().for_each(Known::name);
    for (namespace, known) in &known {
        plan.tags.extend(known.made().map(|(name, from)| Wanted {
            namespace: namespace.clone(),
            name: name.to_owned(),
            from: from.clone(),
        }));
    }
    plan.tags.sort();
    plan.late = scenes.iter().filter_map(|scene| scene.late(&plan.tags)).collect();
    plan.followed = found
        .into_iter()
        .filter_map(|(scene, place, image)| {
            let name = known.get(&scene.namespace)?.tag(&image)?;
            Some(scene.followed(&place, name))
        })
        .collect();
    plan
}

/// Says which documents are no objects, such as the values of a chart.
fn without_kind(manifests: &[Manifests<'_>]) -> Vec<Note> {
    let mut notes = Vec::new();
    for (file, manifests) in manifests.iter().enumerate() {
        for Document { tree, meaning } in &manifests.documents {
            if let (Value::Object(fields), Some(root)) = (&meaning.value, tree.root())
                && !fields.contains_key("kind")
            {
                let text = format!("document {} has no kind; it is left as it is", tree.number);
                notes.push(Note::new(file, manifests.source, tree.node(root).line, text));
            }
        }
    }
    notes
}

#[cfg(test)]
mod tests;
