//! What differs between two generations: pure.

use std::collections::BTreeSet;

use serde::Serialize;
use tagger_core::generation::Generation;
use tagger_core::reference::Digest;
use tagger_registry::{Configuration, Content, Inspected, Layer};

/// Two generations of a Tag, and what changed from the one to the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Difference {
    pub(super) namespace: String,
    pub(super) tag: String,
    pub(super) before: Side,
    pub(super) after: Side,
    /// Whether both have the same digest, so that nothing can differ.
    pub(super) same: bool,
    /// The platform whose configuration and layers were compared, where an image is for several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<String>,
    /// What is not as it was, in the order in which people ask for it.
    pub(super) changes: Vec<Change>,
    /// The layers; none where they were not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layers: Option<Layers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<Size>,
}

/// A generation that is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Side {
    pub(super) generation: i64,
    pub(super) image_reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
    pub(super) imported_at: jiff::Timestamp,
}

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    /// What: `digest`, `tag`, `platform`, `label`, `env` and so on.
    pub(super) what: &'static str,
    /// Which of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// What it was; none where it is new.
    pub(super) before: Option<String>,
    /// What it is; none where it is gone.
    pub(super) after: Option<String>,
}

/// Which layers stayed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Layers {
    pub(super) shared: Vec<Part>,
    pub(super) removed: Vec<Part>,
    pub(super) added: Vec<Part>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) digest: Digest,
    /// Its bytes as they travel.
    pub(super) size: u64,
}

/// The bytes of an image as they travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Size {
    pub(super) before: u64,
    pub(super) after: u64,
    /// How many more there are.
    pub(super) difference: i64,
}

impl Side {
    pub(super) fn of(known: &Generation) -> Self {
        Self {
            generation: known.generation,
            image_reference: known.image_reference.clone(),
            digest: known.digest(),
            tag: known.tag.clone(),
            imported_at: known.imported_at,
        }
    }
}

impl Difference {
    /// Compares what is known of two generations, without what registries say.
    pub(super) fn between(namespace: &str, tag: &str, before: Side, after: Side) -> Self {
        let text = |digest: &Option<Digest>| digest.as_ref().map(Digest::to_string);
        let mut changes = Changes::default();
        changes.one("digest", None, text(&before.digest), text(&after.digest));
        changes.one("tag", None, before.tag.clone(), after.tag.clone());
        Self {
            namespace: namespace.to_owned(),
            tag: tag.to_owned(),
            same: before.digest.is_some() && before.digest == after.digest,
            platform: None,
            changes: changes.0,
            layers: None,
            size: None,
            before,
            after,
        }
    }

    /// The same, with what registries say of both.
    pub(super) fn with(self, before: &Inspected, after: &Inspected) -> Self {
        let mut changes = Changes(self.changes);
        changes.one("mediaType", None, Some(before.media_type.clone()), Some(after.media_type.clone()));
        changes.set("platform", platforms(before), platforms(after));
        let annotations = |told: &Inspected| told.annotations.clone().into_iter().collect();
        changes.map("annotation", annotations(before), annotations(after));
        let (Some(one), Some(other)) = (&before.image, &after.image) else {
            return Self { changes: changes.0, ..self };
        };
        changes.one("configType", None, one.configuration_type.clone(), other.configuration_type.clone());
        let none = Configuration::default();
        let configuration = |content: &'_ Content| content.configuration.clone().unwrap_or(none.clone());
        changes.configurations(&configuration(one), &configuration(other));
        let is_one_of_several = before.platforms.len().max(after.platforms.len()) > 1;
        let platform = other.platform.as_ref().or(one.platform.as_ref()).map(ToString::to_string);
        Self {
            platform: platform.filter(|_| is_one_of_several),
            changes: changes.0,
            layers: Some(Layers::between(&one.layers, &other.layers)),
            size: Some(Size::between(one.size, other.size)),
            ..self
        }
    }
}

/// The platforms of an index, or the one of an image.
pub(super) fn platforms(told: &Inspected) -> BTreeSet<String> {
    let of_index = told.platforms.iter().filter_map(|child| child.platform.as_ref());
    let own = told.image.iter().filter_map(|content| content.platform.as_ref());
    match told.platforms.is_empty() {
        true => own.map(ToString::to_string).collect(),
        false => of_index.map(ToString::to_string).collect(),
    }
}

/// What changed so far.
#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn one(
        &mut self,
        what: &'static str,
        name: Option<String>,
        before: Option<String>,
        after: Option<String>,
    ) {
        if before != after {
            self.0.push(Change { what, name, before, after });
        }
    }

    /// A list that counts as a whole, as it is written in a Dockerfile.
    fn list(&mut self, what: &'static str, before: &[String], after: &[String]) {
        let written = |list: &[String]| (!list.is_empty()).then(|| serde_json::json!(list).to_string());
        self.one(what, None, written(before), written(after));
    }

    /// A list in which the order does not matter.
    fn set(&mut self, what: &'static str, before: BTreeSet<String>, after: BTreeSet<String>) {
        for gone in before.difference(&after) {
            self.one(what, None, Some(gone.clone()), None);
        }
        for new in after.difference(&before) {
            self.one(what, None, None, Some(new.clone()));
        }
    }

    fn map(&mut self, what: &'static str, before: Vec<(String, String)>, after: Vec<(String, String)>) {
        let names: BTreeSet<&String> = before.iter().chain(&after).map(|(name, _)| name).collect();
        // Of a variable that is set twice, the last counts.
        let of = |side: &[(String, String)], name: &String| {
            side.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.clone())
        };
        for name in names {
            self.one(what, Some(name.clone()), of(&before, name), of(&after, name));
        }
    }

    fn configurations(&mut self, before: &Configuration, after: &Configuration) {
        let labels = |told: &Configuration| told.labels.clone().into_iter().collect();
        let env = |told: &Configuration| {
            let split = |variable: &String| {
                let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
                (name.to_owned(), value.to_owned())
            };
            told.env.iter().map(split).collect()
        };
        let ports = |told: &Configuration| told.exposed_ports.iter().cloned().collect();
        self.one("created", None, before.created.clone(), after.created.clone());
        self.map("label", labels(before), labels(after));
        self.map("env", env(before), env(after));
        self.list("entrypoint", &before.entrypoint, &after.entrypoint);
        self.list("command", &before.command, &after.command);
        self.one("user", None, before.user.clone(), after.user.clone());
        self.one("workingDir", None, before.working_dir.clone(), after.working_dir.clone());
        self.set("port", ports(before), ports(after));
    }
}

impl Layers {
    fn between(before: &[Layer], after: &[Layer]) -> Self {
        let has = |side: &[Layer], layer: &Layer| side.iter().any(|other| other.digest == layer.digest);
        let part = |layer: &Layer| Part { digest: layer.digest.clone(), size: layer.size };
        let (shared, added): (Vec<_>, Vec<_>) = after.iter().partition(|layer| has(before, layer));
        let removed = before.iter().filter(|layer| !has(after, layer));
        Self {
            shared: shared.into_iter().map(part).collect(),
            removed: removed.map(part).collect(),
            added: added.into_iter().map(part).collect(),
        }
    }
}

impl Size {
    fn between(before: u64, after: u64) -> Self {
        let difference = i128::from(after) - i128::from(before);
        let bounded = difference.clamp(i64::MIN.into(), i64::MAX.into());
        Self { before, after, difference: i64::try_from(bounded).unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests;
