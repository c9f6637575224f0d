//! Examples can be copied: YAML and JSON are read, and Tags in them are accepted.

use serde::Deserialize;
use serde_yaml_ng::{Deserializer, Value};
use tagger_api::TagSpec;
use tagger_api::validation::problems;

use crate::page::{Page, files, root};

/// A specification that shows only some of its fields names no image.
const FROM: &str = "quay.io/company/myapp";
/// What those fields are.
const FIELDS: &[&str] = &["cache", "filterTags", "generation", "history", "policy", "suspend", "track"];

#[test]
fn yaml_on_every_page_is_read_and_its_tags_are_accepted() {
    let mut tags = 0;
    for page in Page::all() {
        for block in page.blocks().iter().filter(|block| block.language == "yaml") {
            tags += accepted(&block.text)
                .unwrap_or_else(|why| panic!("{}: {why} in\n{}", page.path.display(), block.text));
        }
    }
    assert!(tags > 6, "{tags}");
}

#[test]
fn examples_are_read_and_their_tags_are_accepted() {
    let examples = files(".yaml").into_iter().filter(|path| path.starts_with("examples"));
    let mut tags = 0;
    for path in examples {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        tags += accepted(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    }
    assert!(tags > 0);
}

#[test]
fn json_on_every_page_is_read() {
    for page in Page::all() {
        for block in page.blocks().iter().filter(|block| block.language == "json") {
            // Some pages show one field of an object.
            let whole =
                if block.text.starts_with('"') { format!("{{{}}}", block.text) } else { block.text.clone() };
            if let Err(why) = serde_json::from_str::<serde_json::Value>(&whole) {
                panic!("{}: {why} in\n{}", page.path.display(), block.text);
            }
        }
    }
}

/// How many Tags, or parts of one, a text of YAML has, all of which are accepted.
fn accepted(text: &str) -> Result<usize, String> {
    let mut tags = 0;
    for document in Deserializer::from_str(text) {
        let document = Value::deserialize(document).map_err(|error| error.to_string())?;
        if let Some(spec) = specification(&document) {
            judge(spec)?;
            tags += 1;
        }
    }
    Ok(tags)
}

fn specification(document: &Value) -> Option<Value> {
    let word = |key| document.get(key).and_then(Value::as_str);
    if (word("apiVersion"), word("kind")) == (Some("images.io/v1"), Some("Tag")) {
        return Some(document.get("spec").cloned().unwrap_or_default());
    }
    let mut fields = document.as_mapping()?.clone();
    let is_part =
        !fields.is_empty() && fields.keys().all(|key| key.as_str().is_some_and(|key| FIELDS.contains(&key)));
    fields.insert("from".into(), FROM.into());
    is_part.then_some(Value::Mapping(fields))
}

fn judge(spec: Value) -> Result<(), String> {
    let read: TagSpec = serde_yaml_ng::from_value(spec.clone()).map_err(|error| error.to_string())?;
    let again = serde_yaml_ng::to_value(&read).map_err(|error| error.to_string())?;
    if again != spec {
        return Err(format!("a field is not known: {spec:?} is read as {again:?}"));
    }
    match problems(&read).as_slice() {
        [] => Ok(()),
        problems => Err(format!("{problems:?}")),
    }
}

#[test]
fn what_would_be_refused_is_refused_here() {
    for (text, is_well) in [
        ("track: { interval: 10m }", true),
        ("track: { interval: 10s }", false),
        ("apiVersion: images.io/v1\nkind: Tag\nspec: { from: quay.io/a/b, form: c }", false),
        ("apiVersion: images.io/v1\nkind: Tag\nspec: { from: 'https://quay.io/a/b' }", false),
        ("a: b\n c: d", false),
    ] {
        assert_eq!(accepted(text).is_ok(), is_well, "{text}");
    }
}
