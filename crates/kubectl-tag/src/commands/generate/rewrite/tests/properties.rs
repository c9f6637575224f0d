//! Manifests in many forms of writing, read by another parser before and after.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::rewritten;

const REGISTRY: &str = "registry.example.com/team/";
/// Kinds, and whether Tagger governs them.
const KINDS: [(&str, &str, bool); 5] = [
    ("apps/v1", "Deployment", true),
    ("v1", "Pod", true),
    ("batch/v1", "CronJob", true),
    ("example.com/v1", "Rollout", false),
    ("v1", "ConfigMap", false),
];

/// An object of a kind, with some images by their numbers.
fn object(kind: usize, images: &[u8], annotations: Option<bool>) -> Value {
    let (version, kind, _) = KINDS[kind];
    let containers: Vec<Value> = images
        .iter()
        .map(|image| json!({"image": format!("{REGISTRY}img{image}:v1"), "name": format!("c-{image}"), "args": ["a: b", "# c", "'"]}))
        .collect();
    let pod = json!({"containers": containers, "volumes": [{"name": "v", "emptyDir": {}}]});
    let mut metadata = json!({"name": "web", "labels": {"app": "w: eb", "empty": ""}});
    match annotations {
        None => {}
        Some(false) => metadata["annotations"] = json!({}),
        Some(true) => metadata["annotations"] = json!({"note": "image: none\nof it\n", "é": "ü"}),
    }
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
    match kind {
        "Pod" => object["spec"] = pod,
        "CronJob" => {
            object["spec"] =
                json!({"jobTemplate": {"spec": {"template": {"spec": pod}}}, "schedule": "0 3 * * *"})
        }
        "ConfigMap" => object["data"] = json!({"a.yaml": serde_yaml_ng::to_string(&pod).unwrap()}),
        _ => object["spec"] = json!({"replicas": 3, "template": {"spec": pod, "metadata": {"labels": null}}}),
    }
    object
}

/// How a document is written: choices are taken one after the other, again and again.
struct Writer<'c> {
    choices: std::iter::Cycle<std::slice::Iter<'c, u8>>,
    text: String,
}

impl Writer<'_> {
    fn choose(&mut self, of: u8) -> u8 {
        self.choices.next().unwrap() % of
    }

    /// Writes a value behind a key or a dash, with the end of the line.
    fn value(&mut self, value: &Value, depth: usize) {
        let is_flow = self.choose(6) == 0;
        match value {
            Value::Object(fields) if !is_flow && !fields.is_empty() => {
                self.comment();
                for (key, value) in fields {
                    self.lines_between(depth);
                    let key = if self.choose(4) == 0 { json!(key).to_string() } else { key.clone() };
                    self.text += &format!("{}{key}:", "  ".repeat(depth));
                    self.value(value, depth + 1);
                }
            }
            Value::Array(items) if !is_flow && !items.is_empty() => {
                self.comment();
                for item in items {
                    self.lines_between(depth);
                    self.text += &format!("{}-", "  ".repeat(depth));
                    self.value(item, depth + 1);
                }
            }
            Value::String(text) if text.ends_with('\n') && self.choose(2) == 0 => {
                self.text += " |\n";
                for line in text.lines() {
                    self.text += &format!("{}{line}\n", "  ".repeat(depth + 1));
                }
            }
            other => {
                self.text += " ";
                self.flow(other);
                self.comment();
            }
        }
    }

    fn flow(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => self.between('{', '}', fields.iter(), |writer, (key, value)| {
                let key = if writer.choose(2) == 0 { json!(key).to_string() } else { key.clone() };
                writer.text += &format!("{key}: ");
                writer.flow(value);
            }),
            Value::Array(items) => self.between('[', ']', items.iter(), |writer, item| writer.flow(item)),
            Value::String(text) => {
                let is_image = text.starts_with(REGISTRY);
                let written = match self.choose(3) {
                    0 if is_image => text.clone(),
                    1 if !text.contains('\n') => format!("'{}'", text.replace('\'', "''")),
                    _ => value.to_string(),
                };
                self.text += &written;
            }
            other => self.text += &other.to_string(),
        }
    }

    fn between<T>(
        &mut self,
        open: char,
        close: char,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.text.push(open);
        for (at, item) in items.enumerate() {
            let before = [",", ", "][usize::from(self.choose(2))];
            self.text += before.get(usize::from(at == 0)..).unwrap_or_default();
            write(self, item);
        }
        self.text.push(close);
    }

    fn comment(&mut self) {
        let end = ["\n", "\n", " # a: b\n", "   # {\n"][usize::from(self.choose(4))];
        self.text += end;
    }

    fn lines_between(&mut self, depth: usize) {
        let line = ["", "", "", "\n", "# image: a\n"][usize::from(self.choose(5))];
        if line.len() > 1 {
            self.text += &"  ".repeat(depth);
        }
        self.text += line;
    }
}

fn any_manifests() -> impl Strategy<Value = (Vec<Value>, String)> {
    let object = (0..KINDS.len(), prop::collection::vec(0..4u8, 0..3), prop::option::of(any::<bool>()))
        .prop_map(|(kind, images, annotations)| object(kind, &images, annotations));
    let objects = prop::collection::vec(object, 1..4);
    (objects, any::<bool>(), any::<bool>(), prop::collection::vec(any::<u8>(), 1..60)).prop_map(
        |(objects, is_list, is_crlf, choices)| {
            let documents = match is_list {
                true => vec![json!({"apiVersion": "v1", "items": objects, "kind": "List"})],
                false => objects,
            };
            let mut writer = Writer { choices: choices.iter().cycle(), text: String::new() };
            for document in &documents {
                writer.text += "---";
                writer.value(document, 0);
            }
            let text = if is_crlf { writer.text.replace('\n', "\r\n") } else { writer.text };
            (documents, text)
        },
    )
}

/// The document as it should be.
fn expected(mut value: Value) -> Value {
    if let Some(items) = value.get_mut("items") {
        let objects = items.as_array().unwrap().iter().cloned().map(expected).collect();
        *items = Value::Array(objects);
        return value;
    }
    let kind = value["kind"].as_str().unwrap().to_owned();
    let pod = match kind.as_str() {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        "Deployment" => "/spec/template/spec",
        _ => return value,
    };
    let containers = value.pointer_mut(pod).unwrap()["containers"].as_array_mut().unwrap();
    for container in containers.iter_mut() {
        let image = container["image"].as_str().unwrap().trim_start_matches(REGISTRY).trim_end_matches(":v1");
        container["image"] = json!(image);
    }
    if !containers.is_empty() {
        value["metadata"]["annotations"]["image-tag"] = json!("true");
    }
    value
}

fn read_by_another(text: &str) -> Vec<Value> {
    use serde::Deserialize;
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// A text without images, annotations as far as they could be ours, and what parts words.
fn without_changes(text: &str) -> String {
    let mut text = text.replace(REGISTRY, "").replace(":v1", "");
    text.retain(|c| !c.is_whitespace());
    for quote in ["\"", ""] {
        let pair = format!("{quote}image-tag{quote}:\"true\"");
        let key = format!("{quote}annotations{quote}:");
        for added in [format!("{pair},"), pair, format!("{key}{{}},"), key] {
            text = text.replace(&added, "");
        }
    }
    text
}

proptest! {
    #[test]
    fn only_images_and_the_annotation_change((documents, text) in any_manifests()) {
        prop_assert_eq!(&read_by_another(&text), &documents);
        let (changed, _) = rewritten(&text);
        prop_assert_eq!(read_by_another(&changed), documents.into_iter().map(expected).collect::<Vec<_>>(), "{}", changed);
        prop_assert_eq!(without_changes(&changed), without_changes(&text));
        prop_assert_eq!(changed.matches("\r\n").count() == changed.matches('\n').count(), text.contains('\r'));
        prop_assert_eq!(rewritten(&changed).0, changed);
    }
}
