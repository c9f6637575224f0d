//! Where an image is written, and what comes in its place.

use std::collections::BTreeMap;

use super::super::plan::{Document, Followed};
use super::super::yaml::{Id, Style, Tree, What};
use super::{Edit, Kept};

/// The images that change, how, and those that must stay.
pub(super) type Edits<'p> = (Vec<&'p Followed>, Vec<Edit>, Vec<(&'p Followed, Kept)>);

/// Puts names of Tags in place of images.
///
/// An anchor can make the same text several images, or an image and something else. The text is changed where all that it means is
/// to change in the same way; else the alias, if that is what stands in the image's place; else nothing.
pub(super) fn edits<'p>(text: &str, document: &Document, wanted: &[&'p Followed]) -> Edits<'p> {
    let tree = &document.tree;
    let mut written = BTreeMap::<Id, Vec<(Id, &'p Followed)>>::new();
    let (mut images, mut edits, mut kept) = (Vec::new(), BTreeMap::new(), Vec::new());
    for one in wanted {
        match tree.at(&one.pointer) {
            Some(id) => written.entry(tree.target(id)).or_default().push((id, *one)),
            None => kept.push((*one, Kept::Scattered)),
        }
    }
    for (target, uses) in &written {
        let all = agree(document, *target, uses);
        for (id, one) in uses {
            let alias: Vec<_> = uses.iter().filter(|(other, _)| other == id).copied().collect();
            let at = match () {
                () if all => *target,
                () if id != target && agree(document, *id, &alias) => *id,
                () => {
                    kept.push((*one, Kept::Shared));
                    continue;
                }
            };
            match edit(text, tree, at, &one.name) {
                Some(edit) => {
                    images.push(*one);
                    edits.insert(at, edit);
                }
                None => kept.push((*one, Kept::Scattered)),
            }
        }
    }
    (images, edits.into_values().collect(), kept)
}

/// Whether all that a node means is to become the same.
fn agree(document: &Document, id: Id, uses: &[(Id, &Followed)]) -> bool {
    let is_same = |one: &(Id, &Followed)| one.1.name == uses[0].1.name;
    document.meaning.uses(id) == uses.len() && uses.iter().all(is_same)
}

fn edit(text: &str, tree: &Tree, id: Id, name: &str) -> Option<Edit> {
    let span = tree.node(id).span.clone();
    let written = text.get(span.clone())?;
    let (at, quote) = match &tree.node(id).what {
        What::Alias(_) => (span, quote(name)),
        // The anchor and the tag before it stay.
        What::Scalar { text: image, style: Style::Plain } if written.ends_with(image.as_str()) => {
            (span.end - image.len()..span.end, quote(name))
        }
        What::Scalar { style: Style::Quoted(quote), .. } => {
            let begin = written.find(*quote)?;
            let end = begin + 1 + closing(&written[begin + 1..], *quote)? + 1;
            let in_one_line = !written[begin..end].contains('\n');
            (in_one_line.then_some(span.start + begin..span.start + end)?, Some(*quote))
        }
        _ => return None,
    };
    let quote = quote.map(String::from).unwrap_or_default();
    Some(Edit { at, text: format!("{quote}{name}{quote}") })
}

/// Where a text within quotes ends: what comes behind it is said to belong to it too.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => {
                characters.next();
            }
            _ if character == quote => match characters.peek() {
                Some((_, '\'')) if quote == '\'' => {
                    characters.next();
                }
                _ => return Some(at),
            },
            _ => {}
        }
    }
    None
}

/// Quotes where a name without them would be a number, or a word that YAML has a meaning for.
fn quote(name: &str) -> Option<char> {
    const WORDS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "y", "n"];
    let means_else =
        name.starts_with(|c: char| c.is_ascii_digit()) || WORDS.contains(&name) || name == "null";
    means_else.then_some('"')
}
