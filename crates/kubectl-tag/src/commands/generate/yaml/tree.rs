//! A document as it is written.

use std::collections::HashMap;
use std::ops::Range;

/// A node of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(pub(super) usize);

/// A document as it is written: its nodes, and where each stands.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Which document of its file this is, from 1.
    pub(crate) number: usize,
}

/// What is written at a place.
#[derive(Debug)]
pub(crate) struct Node {
    /// The bytes of the text, with the anchor and the tag. Of a list or a map, only the beginning.
    pub(crate) span: Range<usize>,
    /// The line, from 1.
    pub(crate) line: usize,
    pub(crate) what: What,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum What {
    Scalar { text: String, style: Style },
    List(Vec<Id>),
    Map(Vec<(Id, Id)>),
    Alias(Id),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted(char),
    Block,
}

/// A key of a map, and what it has.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_id: Id,
    pub(crate) value: Id,
    /// Whether it comes from another map, by `<<`.
    pub(crate) is_merged: bool,
}

impl Tree {
    /// The outermost node; none where the document has nothing in it.
    pub(crate) fn root(&self) -> Option<Id> {
        (!self.nodes.is_empty()).then_some(Id(0))
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0]
    }

    /// What is meant: the node itself, or the one that an alias stands for.
    pub(crate) fn target(&self, id: Id) -> Id {
        match self.node(id).what {
            What::Alias(target) => target,
            _ => id,
        }
    }

    /// The entries of a map: of a key that comes twice the last one, and what `<<` brings along where there is no such key.
    /// None where maps bring each other along too deeply, or without end.
    pub(crate) fn entries(&self, map: Id) -> Option<Vec<Entry>> {
        self.merged_entries(map, super::DEPTH, &mut 100_000)
    }

    fn merged_entries(&self, map: Id, depth: usize, budget: &mut usize) -> Option<Vec<Entry>> {
        let depth = depth.checked_sub(1)?;
        let What::Map(pairs) = &self.node(map).what else { return Some(Vec::new()) };
        let (mut entries, mut at) = (Vec::<Entry>::new(), HashMap::<String, usize>::new());
        let (merges, own): (Vec<_>, Vec<_>) = pairs.iter().partition(|(key, _)| self.is_merge(*key));
        for &(key_id, value) in own {
            let key = self.key(key_id);
            let entry = Entry { key: key.clone(), key_id, value, is_merged: false };
            match at.get(&key) {
                Some(at) => entries[*at] = entry,
                None => {
                    at.insert(key, entries.len());
                    entries.push(entry);
                }
            }
        }
        for &(_, value) in merges {
            let value = self.target(value);
            let maps = match &self.node(value).what {
                What::List(maps) => maps.iter().map(|map| self.target(*map)).collect(),
                _ => vec![value],
            };
            for map in maps {
                *budget = budget.checked_sub(1)?;
                for entry in self.merged_entries(map, depth, budget)? {
                    *budget = budget.checked_sub(1)?;
                    if !at.contains_key(&entry.key) {
                        at.insert(entry.key.clone(), entries.len());
                        entries.push(Entry { is_merged: true, ..entry });
                    }
                }
            }
        }
        Some(entries)
    }

    fn is_merge(&self, key: Id) -> bool {
        matches!(&self.node(key).what, What::Scalar { text, style: Style::Plain } if text == "<<")
    }

    /// A key that is no text, such as what a template that was not rendered leaves, still differs from all others.
    fn key(&self, key: Id) -> String {
        match &self.node(self.target(key)).what {
            What::Scalar { text, .. } => text.clone(),
            _ => format!("\0{}", key.0),
        }
    }
}
