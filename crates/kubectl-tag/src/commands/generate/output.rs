//! What is printed.

use kube::api::ObjectMeta;
use serde::Serialize;
use tagger_api::Tag;
use tagger_api::tag::TagSpec;

use super::plan::Wanted;
use crate::problem::Problem;

/// A list of Tags, as `kubectl apply` takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List {
    api_version: &'static str,
    kind: &'static str,
    /// The Tags, by namespace and name.
    items: Vec<Tag>,
}

impl List {
    pub(super) fn of(items: Vec<Tag>) -> Self {
        Self { api_version: "v1", kind: "List", items }
    }
}

/// The Tag as a resource.
pub(super) fn tag(wanted: &Wanted, cache: bool, numbered: bool) -> Tag {
    let spec = TagSpec {
        from: wanted.from.to_string(),
        generation: numbered.then_some(0),
        cache: cache.then_some(true),
        ..TagSpec::default()
    };
    let metadata = ObjectMeta {
        name: Some(wanted.name.clone()),
        namespace: wanted.namespace.clone(),
        ..ObjectMeta::default()
    };
    Tag { metadata, spec, status: None }
}

/// The Tags as documents.
pub(super) fn documents(tags: &[Tag]) -> Result<Vec<String>, Problem> {
    let written = tags.iter().map(serde_yaml_ng::to_string).collect::<Result<_, _>>();
    written.map_err(|error| Problem::Output(error.to_string()))
}

/// One text of several, with what parts documents between them.
pub(super) fn joined(texts: impl IntoIterator<Item = String>) -> String {
    let mut all = String::new();
    for text in texts.into_iter().filter(|text| !text.trim().is_empty()) {
        if !all.is_empty() {
            if !all.ends_with('\n') {
                all.push('\n');
            }
            // What begins by itself needs nothing; a directive needs the end of what comes before.
            let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
            match first {
                Some(line) if line.starts_with("---") => {}
                Some(line) if line.starts_with('%') => all.push_str("...\n"),
                _ => all.push_str("---\n"),
            }
        }
        all.push_str(&text);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&["a: b\n", "c: d\n"], "a: b\n---\nc: d\n")]
    #[case(&["a: b", "c: d"], "a: b\n---\nc: d")]
    #[case(&["a: b\n", "---\nc: d\n"], "a: b\n---\nc: d\n")]
    #[case(&["a: b\n", "# c\n---\nc: d\n"], "a: b\n# c\n---\nc: d\n")]
    #[case(&["a: b\n", "%YAML 1.2\n---\nc: d\n"], "a: b\n...\n%YAML 1.2\n---\nc: d\n")]
    #[case(&["", "a: b\r\n", " \n", "{}"], "a: b\r\n---\n{}")]
    #[case(&[], "")]
    fn documents_are_parted(#[case] texts: &[&str], #[case] expected: &str) {
        assert_eq!(joined(texts.iter().map(|text| (*text).to_owned())), expected);
    }
}
