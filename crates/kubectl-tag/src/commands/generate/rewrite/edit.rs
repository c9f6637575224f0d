//! Changes of a text at places.

use std::ops::Range;

/// A part of a text, and what comes in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) at: Range<usize>,
    pub(super) text: String,
}

/// Makes all changes.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| std::cmp::Reverse((edit.at.start, edit.at.end)));
    let mut changed = text.to_owned();
    for edit in edits {
        changed.replace_range(edit.at, &edit.text);
    }
    changed
}
