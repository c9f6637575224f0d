//! Which Tags manifests need, and which image becomes which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use tagger_core::reference::Reference;

use super::naming;
use super::object::{Foreign, Governance, Object, Unseen};
use super::place::{Place, places};
use super::source::Source;
use super::verdict::{Unfollowed, meant, verdict};
use super::yaml::{Flaw, Meaning, Tree, parse};

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

/// What people should know, in the order of what they gave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Note {
    file: usize,
    line: usize,
    text: String,
}

impl Note {
    pub(super) fn new(file: usize, source: &Source, line: usize, text: impl fmt::Display) -> Self {
        Self { file, line, text: format!("{}:{line}: {text}", source.name) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
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
    let scenes = scenes(manifests, default);
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
        let wanted = known.wanted.iter().map(|(image, from)| Wanted {
            namespace: namespace.clone(),
            name: known.followed[image].clone(),
            from: from.clone(),
        });
        plan.tags.extend(wanted);
    }
    plan.tags.sort();
    plan.late = scenes.iter().filter_map(|scene| scene.late(&plan.tags)).collect();
    plan.followed = found
        .into_iter()
        .map(|(scene, place, reference)| {
            scene.followed(&place, &known[&scene.namespace].followed[&meant(&reference)])
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

/// What is known of a namespace.
#[derive(Debug, Default)]
struct Known {
    /// The names of its Tags in the manifests.
    taken: BTreeSet<String>,
    /// The Tags that follow an image, in the manifests and, once [`Known::name`] has named them, those to make.
    followed: BTreeMap<Reference, String>,
    /// The images that need a Tag, and how they are written.
    wanted: BTreeMap<Reference, Reference>,
}

impl Known {
    /// A Tag with a policy follows no one image.
    fn learn(&mut self, tag: &Object<'_>) {
        self.taken.insert(tag.name().to_owned());
        let has_policy = tag.value.pointer("/spec/policy").is_some_and(|policy| !policy.is_null());
        let from = tag.value.pointer("/spec/from").and_then(Value::as_str);
        if let Some(Ok(from)) = from.filter(|_| !has_policy).map(str::parse::<Reference>) {
            self.followed.entry(meant(&from)).or_insert_with(|| tag.name().to_owned());
        }
    }

    /// Of two ways to write the same image, the one with a registry leaves no doubt.
    fn want(&mut self, reference: &Reference) {
        let meant = meant(reference);
        if !self.followed.contains_key(&meant) {
            let written = self.wanted.entry(meant).or_insert_with(|| reference.clone());
            if written.registry().is_none() {
                written.clone_from(reference);
            }
        }
    }

    fn name(&mut self) {
        let images = self.wanted.keys().cloned().collect();
        self.followed.extend(naming::names(&images, &self.taken));
    }
}

/// An object, with all that is around it.
struct Scene<'m> {
    at: (usize, usize),
    source: &'m Source,
    document: &'m Document,
    object: Object<'m>,
    namespace: Namespace,
    governance: Governance,
}

fn scenes<'m>(manifests: &'m [Manifests<'_>], default: Option<&str>) -> Vec<Scene<'m>> {
    let mut scenes = Vec::new();
    for (file, manifests) in manifests.iter().enumerate() {
        for (number, document) in manifests.documents.iter().enumerate() {
            for object in Object::all(&document.meaning.value) {
                let namespace = object.namespace().or(default).map(str::to_owned);
                let governance = object.governance(namespace.as_deref());
                let (at, source) = ((file, number), manifests.source);
                scenes.push(Scene { at, source, document, object, namespace, governance });
            }
        }
    }
    scenes
}

impl Scene<'_> {
    fn verdict(&self, place: &Place<'_>, known: &Known) -> Result<Reference, Unfollowed> {
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

    fn followed(&self, place: &Place<'_>, name: &str) -> Followed {
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

    fn pinned(&self, place: &Place<'_>, image: &Reference) -> Option<Note> {
        let why = "its image bears a digest as well, so its Tag stays at that until spec.from is changed";
        image.digest().map(|_| self.note(&place.pointer, format!("{}: {why}", self.bearer(place))))
    }

    fn late(&self, tags: &[Wanted]) -> Option<Note> {
        let is_of = |tag: &Wanted| tag.namespace.as_deref() == Some(self.object.name());
        let has_tags = self.object.is_namespace() && tags.iter().any(is_of);
        has_tags.then(|| self.note("", format!("{}: its Tags come before it; apply it first", self.name())))
    }

    /// An image that names a Tag is as it should be.
    fn unfollowed(&self, place: &Place<'_>, why: &Unfollowed) -> Option<Note> {
        let is_right = *why == Unfollowed::Tag;
        (!is_right).then(|| self.note(&place.pointer, format!("{}: no Tag: {why}", self.bearer(place))))
    }

    fn foreign(&self, why: Foreign) -> Option<Note> {
        let why = match why {
            Foreign::Tag | Foreign::Definition => return None,
            Foreign::HandsOff => "its annotation image-tag is neither \"true\" nor \"strict\"",
            Foreign::Made => "a controller made it from a template, whose images count",
        };
        let bears_images = !places(self.object.value).is_empty();
        bears_images.then(|| self.note("", format!("{}: no Tags for its images: {why}", self.name())))
    }
}

#[cfg(test)]
mod tests;
