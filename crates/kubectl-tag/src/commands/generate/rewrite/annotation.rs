//! Where the annotation of a workload goes.

use tagger_api::annotations::IMAGE_TAG;

use super::super::plan::Document;
use super::super::yaml::{Id, Style, Tree, What};
use super::Edit;

const SHARED: &str = "an anchor shares the object's metadata with others";
const FORM: &str = "its metadata is written in a form that nothing can be added to";

/// The change that annotates an object, or why there is none.
pub(super) fn place(text: &str, document: &Document, object: &str) -> Result<Edit, &'static str> {
    let tree = &document.tree;
    let object = tree.at(object).ok_or(FORM)?;
    let (metadata_key, metadata) = own(document, object, "metadata")?.ok_or("it has no metadata")?;
    let Some((key, annotations)) = own(document, metadata, "annotations")? else {
        return insert(text, tree, (metadata_key, metadata), true).ok_or(FORM);
    };
    match &tree.node(annotations).what {
        What::Map(_) => insert(text, tree, (key, annotations), false),
        What::Scalar { style: Style::Plain, .. } => in_place_of_nothing(text, tree, key, annotations),
        _ => None,
    }
    .ok_or(FORM)
}

/// The key and the value of a map, where both are its own: neither an alias nor meant elsewhere.
fn own(document: &Document, map: Id, key: &str) -> Result<Option<(Id, Id)>, &'static str> {
    let tree = &document.tree;
    if document.meaning.uses(map) > 1 || tree.target(map) != map {
        return Err(SHARED);
    }
    let found = tree.entries(map).ok_or(FORM)?.into_iter().find(|entry| entry.key == key);
    match found {
        None => Ok(None),
        Some(entry) if entry.is_merged || tree.target(entry.value) != entry.value => Err(SHARED),
        Some(entry) if document.meaning.uses(entry.value) > 1 => Err(SHARED),
        Some(entry) => Ok(Some((entry.key_id, entry.value))),
    }
}

/// Writes before all that a map has, so that the end of what is in it need not be looked for.
fn insert(text: &str, tree: &Tree, (key, map): (Id, Id), is_metadata: bool) -> Option<Edit> {
    let What::Map(pairs) = &tree.node(map).what else { return None };
    let begin = text.get(tree.node(map).span.clone())?.trim_end();
    let first = pairs.first().map(|(key, _)| tree.node(*key).span.start);
    if !begin.ends_with('{') {
        return in_block(text, tree.node(key).span.end, first?, is_metadata);
    }
    let inside = tree.node(map).span.start + begin.len();
    let is_quoted = first.is_none_or(|first| text[first..].starts_with('"'));
    let pair = in_flow(is_metadata, is_quoted);
    let Some(first) = first else { return Some(Edit { at: inside..inside, text: pair }) };
    let between = text.get(inside..first)?;
    let between = match between.trim().is_empty() && (is_quoted || !between.is_empty()) {
        true => between,
        false => " ",
    };
    Some(Edit { at: first..first, text: format!("{pair},{between}") })
}

/// `annotations:` with nothing behind it, or with a `null`.
fn in_place_of_nothing(text: &str, tree: &Tree, key: Id, value: Id) -> Option<Edit> {
    let What::Scalar { text: nothing, .. } = &tree.node(value).what else { return None };
    let is_quoted = text[tree.node(key).span.clone()].starts_with('"');
    let map = format!("{{{}}}", in_flow(false, is_quoted));
    let written = tree.node(value).span.clone();
    if !nothing.is_empty() {
        return (text.get(written.clone())? == nothing).then_some(Edit { at: written, text: map });
    }
    let behind = tree.node(key).span.end;
    let colon = behind
        + text.get(behind..)?.find(|c: char| c != ' ').filter(|at| text[behind + at..].starts_with(':'))?;
    Some(Edit { at: colon + 1..colon + 1, text: format!(" {map}") })
}

fn in_flow(is_metadata: bool, is_quoted: bool) -> String {
    let quote = if is_quoted { "\"" } else { "" };
    let pair = format!("{quote}{IMAGE_TAG}{quote}: \"true\"");
    if is_metadata { format!("{quote}annotations{quote}: {{{pair}}}") } else { pair }
}

/// Writes a line below the key of the map, so that a comment stays with what it is about.
fn in_block(text: &str, key: usize, first: usize, is_metadata: bool) -> Option<Edit> {
    let line = text[..first].rfind('\n').map_or(0, |end| end + 1);
    let indent = &text[line..first];
    let below = key + text.get(key..line)?.find('\n')? + 1;
    let is_comment = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if !indent.bytes().all(|byte| byte == b' ') || !text[below..line].lines().all(is_comment) {
        return None;
    }
    let end = if text[..below].ends_with("\r\n") { "\r\n" } else { "\n" };
    let more = if is_metadata { format!("{indent}annotations:{end}  ") } else { String::new() };
    Some(Edit { at: below..below, text: format!("{more}{indent}{IMAGE_TAG}: \"true\"{end}") })
}
