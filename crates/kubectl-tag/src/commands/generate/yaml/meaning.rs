//! What a document means: with its aliases replaced by what they stand for, as the cluster sees it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::tree::{Id, Style, Tree, What};

/// How many values a document may have once its aliases are replaced: a few lines of aliases of aliases can mean billions.
const VALUES: usize = 2_000_000;

/// What a document means.
#[derive(Debug)]
pub(crate) struct Meaning {
    pub(crate) value: Value,
    /// How often each node is meant: more than once where an alias stands for it, or for something around it.
    uses: HashMap<Id, usize>,
}

impl Meaning {
    /// What a document means. None where it is too large, or endless.
    pub(crate) fn of(tree: &Tree) -> Option<Self> {
        let mut reader = Reader { tree, uses: HashMap::new(), left: VALUES };
        let value = match tree.root() {
            Some(root) => reader.value(root, super::DEPTH)?,
            None => Value::Null,
        };
        Some(Self { value, uses: reader.uses })
    }

    /// How often a node is meant.
    pub(crate) fn uses(&self, id: Id) -> usize {
        self.uses.get(&id).copied().unwrap_or_default()
    }
}

impl Tree {
    /// The node that a JSON pointer leads to. It may be an alias.
    pub(crate) fn at(&self, pointer: &str) -> Option<Id> {
        let mut id = self.root()?;
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let inside = self.target(id);
            id = match &self.node(inside).what {
                What::List(items) => *items.get(part.parse::<usize>().ok()?)?,
                _ => self.entries(inside)?.into_iter().find(|entry| entry.key == part)?.value,
            };
        }
        Some(id)
    }
}

struct Reader<'t> {
    tree: &'t Tree,
    uses: HashMap<Id, usize>,
    left: usize,
}

impl Reader<'_> {
    fn value(&mut self, id: Id, depth: usize) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        let depth = depth.checked_sub(1)?;
        *self.uses.entry(id).or_default() += 1;
        match &self.tree.node(id).what {
            What::Alias(target) => self.value(*target, depth),
            What::Scalar { text, style } => Some(scalar(text, *style)),
            What::List(items) => items.iter().map(|item| self.value(*item, depth)).collect(),
            What::Map(_) => {
                let mut map = Map::new();
                for entry in self.tree.entries(id)? {
                    map.insert(entry.key, self.value(entry.value, depth)?);
                }
                Some(Value::Object(map))
            }
        }
    }
}

/// Only what is written without quotes can be something else than a text.
fn scalar(text: &str, style: Style) -> Value {
    match (style, text) {
        (Style::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        (Style::Plain, "true" | "True" | "TRUE") => Value::Bool(true),
        (Style::Plain, "false" | "False" | "FALSE") => Value::Bool(false),
        (Style::Plain, number) => number.parse().map(Value::Number).unwrap_or_else(|_| text.into()),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn meaning(text: &str) -> Option<Meaning> {
        Meaning::of(&parse(text).unwrap()[0])
    }

    #[rstest]
    #[case("a: 1\nb: '1'\nc: true\nd: \"true\"\ne:\nf: 1.5\n", json!({"a": 1, "b": "1", "c": true, "d": "true", "e": null, "f": 1.5}))]
    #[case("a: &x {b: c}\nd: *x\n", json!({"a": {"b": "c"}, "d": {"b": "c"}}))]
    #[case("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\n", json!({"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}}))]
    #[case("x: &x {b: 1}\ny: &y {b: 2, c: 3}\nd: {<<: [*x, *y]}\n", json!({"x": {"b": 1}, "y": {"b": 2, "c": 3}, "d": {"b": 1, "c": 3}}))]
    #[case("a: 1\na: 2\n", json!({"a": 2}))]
    #[case("", json!(null))]
    #[case("a: |\n  b: c\n", json!({"a": "b: c\n"}))]
    fn means_what_the_cluster_sees(#[case] text: &str, #[case] expected: Value) {
        let trees = parse(text).unwrap();
        let value = trees.first().map_or(Value::Null, |tree| Meaning::of(tree).unwrap().value);
        assert_eq!(value, expected);
    }

    #[rstest]
    #[case("a: &a [*a]\n")]
    #[case("a: &a {<<: *a}\n")]
    #[case("a: &a {b: {<<: *a}}\n")]
    fn what_has_no_end_is_not_read(#[case] text: &str) {
        assert!(meaning(text).is_none());
    }

    #[test]
    fn a_few_aliases_that_mean_billions_are_not_read() {
        let mut lists = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        let mut maps = "a0: &a0 {x: y}\n".to_owned();
        for level in 1..12 {
            let below = level - 1;
            lists += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{below}"); 10].join(", "));
            maps += &format!("a{level}: &a{level} {{<<: [{}]}}\n", vec![format!("*a{below}"); 10].join(", "));
        }
        assert!(meaning(&lists).is_none());
        assert!(meaning(&maps).is_none());
    }

    #[test]
    fn a_pointer_leads_through_aliases_and_merges() {
        let text = "a: &x {b/c: [1, 2]}\nd: {<<: *x}\n";
        let tree = &parse(text).unwrap()[0];
        let id = tree.at("/d/b~1c/1").unwrap();
        assert_eq!(&text[tree.node(id).span.clone()], "2");
        assert_eq!(Meaning::of(tree).unwrap().uses(id), 2);
        assert_eq!(tree.at("/d/none"), None);
    }
}
