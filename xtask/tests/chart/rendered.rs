//! The chart as it is rendered, for tests to look at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;
use tagger_testkit::helm::{Helm, Rendered, Rendering};

/// The namespace that everything is rendered for.
pub(crate) const NAMESPACE: &str = "tagger-system";

/// The versions that the properties are looked at for: old, and new.
const KUBERNETES: [&str; 2] = ["1.20", "1.36"];

/// One file of values, rendered for one version.
pub(crate) struct Case {
    /// Which file, and which version.
    pub(crate) name: String,
    pub(crate) objects: Vec<Value>,
}

/// Every file of values in the chart's folder `ci`, for every version.
pub(crate) static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let files = values_files();
    let tried: Vec<_> = files.iter().flat_map(|file| KUBERNETES.map(|version| (file, version))).collect();
    let renderings: Vec<Rendering> =
        tried.iter().map(|((_, values), version)| rendering(values.clone(), version)).collect();
    let rendered = Helm::obtain().unwrap().render(&renderings).unwrap();
    let case = |(((name, _), version), rendered): ((&(String, Value), &str), Result<Rendered>)| Case {
        name: format!("ci/{name} for {version}"),
        objects: objects(&rendered.unwrap()),
    };
    tried.into_iter().zip(rendered).map(case).collect()
});

impl Case {
    /// The objects of a kind.
    pub(crate) fn of<'c>(&'c self, kind: &'static str) -> impl Iterator<Item = &'c Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The Deployment of Tagger itself.
    pub(crate) fn operator(&self) -> &Value {
        let is_ours =
            |object: &&Value| object["spec"]["template"]["spec"]["containers"][0]["name"] == "tagger";
        self.of("Deployment").find(is_ours).unwrap()
    }
}

/// Renders the chart with some values for a new cluster.
pub(crate) fn render(values: Value) -> Result<Rendered> {
    Helm::obtain()?.render(&[rendering(values, "1.36")])?.pop().unwrap()
}

/// The objects in what was rendered.
pub(crate) fn objects(rendered: &Rendered) -> Vec<Value> {
    let texts = rendered.iter().filter(|(template, _)| !template.ends_with(".txt")).map(|(_, text)| text);
    let documents = texts.flat_map(|text| serde_yaml_ng::Deserializer::from_str(text));
    documents
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|object| !object.is_null())
        .collect()
}

/// The Pods that an object makes: their labels and their specification.
pub(crate) fn pod(object: &Value) -> Option<(&Value, &Value)> {
    let template = object.pointer("/spec/template")?;
    Some((&template["metadata"]["labels"], &template["spec"]))
}

/// Whether all labels that are wanted are there.
pub(crate) fn selects(wanted: &Value, labels: &Value) -> bool {
    let wanted = wanted.as_object().unwrap();
    !wanted.is_empty() && wanted.iter().all(|(name, value)| labels[name] == *value)
}

/// The strings at a pointer that leads to a list.
pub(crate) fn texts<'v>(value: &'v Value, field: &str) -> Vec<&'v str> {
    value[field].as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
}

/// The folder of the chart.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/tagger")
}

/// A file of the chart.
pub(crate) fn file(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// The chart's own values.
pub(crate) fn own_values() -> Value {
    serde_yaml_ng::from_str(&file("values.yaml")).unwrap()
}

fn rendering(values: Value, kubernetes: &str) -> Rendering {
    let (namespace, kubernetes) = (NAMESPACE.to_owned(), kubernetes.to_owned());
    Rendering { chart: folder(), values, namespace, kubernetes }
}

fn values_files() -> Vec<(String, Value)> {
    let files: BTreeMap<String, Value> = std::fs::read_dir(folder().join("ci"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let values = serde_yaml_ng::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            (path.file_name().unwrap().to_string_lossy().into_owned(), values)
        })
        .collect();
    assert!(files.contains_key("default.yaml") && files.contains_key("all.yaml"));
    files.into_iter().collect()
}
