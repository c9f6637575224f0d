//! YAML with the place of everything in its text, so that a text can be changed at places and stay as it is everywhere else.
//!
//! JSON is YAML too. What is written is a [`Tree`], with its anchors and aliases; what is meant by it is a [`Meaning`].

mod meaning;
mod parse;
mod tree;

pub(super) use meaning::Meaning;
pub(super) use parse::{Flaw, parse};
pub(super) use tree::{Id, Style, Tree, What};

/// How deep a document may be nested. Manifests have some twenty levels.
const DEPTH: usize = 200;
