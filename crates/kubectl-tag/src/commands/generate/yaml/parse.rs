//! Reading a text.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::DEPTH;
use super::tree::{Id, Node, Style, Tree, What};

/// Why a text is no YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The document, from 1.
    pub(crate) document: usize,
    /// The line of the file, from 1.
    pub(crate) line: usize,
    pub(crate) why: String,
}

/// The documents of a text, also those with nothing in them.
pub(crate) fn parse(text: &str) -> Result<Vec<Tree>, Flaw> {
    let mut reader = Reader::new(text);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Flaw {
            document: reader.documents.len().max(1),
            line: error.marker().line(),
            why: error.info().to_owned(),
        })?;
        reader.take(event, span)?;
    }
    Ok(reader.documents)
}

struct Reader {
    /// Where each character begins, where not every character is one byte.
    offsets: Option<Vec<usize>>,
    documents: Vec<Tree>,
    open: Vec<Open>,
    anchors: HashMap<usize, Id>,
}

/// A list or a map that goes on.
struct Open {
    id: Id,
    key: Option<Id>,
}

impl Reader {
    fn new(text: &str) -> Self {
        let offsets = (!text.is_ascii())
            .then(|| text.char_indices().map(|(at, _)| at).chain([text.len()]).collect::<Vec<_>>());
        Self { offsets, documents: Vec::new(), open: Vec::new(), anchors: HashMap::new() }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Flaw> {
        match event {
            Event::DocumentStart(_) => {
                let number = self.documents.len() + 1;
                self.documents.push(Tree { number, ..Tree::default() });
                self.anchors.clear();
            }
            Event::Scalar(text, style, anchor, _) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::Quoted('\''),
                    ScalarStyle::DoubleQuoted => Style::Quoted('"'),
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                self.add(What::Scalar { text: text.into_owned(), style }, anchor, span)?;
            }
            Event::SequenceStart(anchor, _) => self.begin(What::List(Vec::new()), anchor, span)?,
            Event::MappingStart(anchor, _) => self.begin(What::Map(Vec::new()), anchor, span)?,
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(target) => {
                    self.add(What::Alias(*target), 0, span)?;
                }
                None => return Err(self.flaw(span, "an alias stands for nothing in this document")),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(&mut self, what: What, anchor: usize, span: Span) -> Result<(), Flaw> {
        if self.open.len() >= DEPTH {
            return Err(self.flaw(span, &format!("it is nested more than {DEPTH} levels deep")));
        }
        let id = self.add(what, anchor, span)?;
        self.open.push(Open { id, key: None });
        Ok(())
    }

    fn add(&mut self, what: What, anchor: usize, span: Span) -> Result<Id, Flaw> {
        let bytes = self.byte(span.start.index())..self.byte(span.end.index());
        let Some(tree) = self.documents.last_mut() else {
            return Err(Flaw {
                document: 1,
                line: span.start.line(),
                why: "there is no document yet".into(),
            });
        };
        let id = Id(tree.nodes.len());
        tree.nodes.push(Node { span: bytes, line: span.start.line(), what });
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
        if let Some(open) = self.open.last_mut() {
            match &mut tree.nodes[open.id.0].what {
                What::List(items) => items.push(id),
                What::Map(pairs) => match open.key.take() {
                    Some(key) => pairs.push((key, id)),
                    None => open.key = Some(id),
                },
                What::Scalar { .. } | What::Alias(_) => {}
            }
        }
        Ok(id)
    }

    fn byte(&self, character: usize) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.get(character).or(offsets.last()).copied().unwrap_or_default(),
            None => character,
        }
    }

    fn flaw(&self, span: Span, why: &str) -> Flaw {
        Flaw { document: self.documents.len().max(1), line: span.start.line(), why: why.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// What each scalar and alias says and the text that stands at its place.
    fn places(text: &str) -> Vec<(String, String)> {
        let trees = parse(text).unwrap();
        let scalars = trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| {
            let said = match &node.what {
                What::Scalar { text, .. } => text.clone(),
                What::Alias(_) => "alias".to_owned(),
                What::List(_) | What::Map(_) => return None,
            };
            Some((said, text[node.span.clone()].to_owned()))
        });
        scalars.collect()
    }

    #[rstest]
    #[case("a: b\n", &[("a", "a"), ("b", "b")])]
    #[case("é: 'ü€'\r\nc: \"d\"\r\n", &[("é", "é"), ("ü€", "'ü€'"), ("c", "c"), ("d", "\"d\"")])]
    #[case("a: &x b # c\nd: *x\n", &[("a", "a"), ("b", "&x b"), ("d", "d"), ("alias", "*x")])]
    #[case("{\n\t\"a\": \"b\\/c\",\n\t\"d\": [1]\n}", &[("a", "\"a\""), ("b/c", "\"b\\/c\""), ("d", "\"d\""), ("1", "1")])]
    #[case("😀: a\n---\n😀: b\n", &[("😀", "😀"), ("a", "a"), ("😀", "😀"), ("b", "b")])]
    fn everything_stands_where_it_is_said_to_stand(#[case] text: &str, #[case] expected: &[(&str, &str)]) {
        let expected: Vec<(String, String)> =
            expected.iter().map(|(said, at)| ((*said).to_owned(), (*at).to_owned())).collect();
        assert_eq!(places(text), expected);
    }

    #[rstest]
    #[case("a: b\n---\nc: *none\n", 2, 3)]
    #[case("a: b\n---\nc: d\n  e: f\n", 2, 4)]
    #[case("a: [1\n", 1, 2)]
    #[case("a: &x b\n---\nc: *x\n", 2, 3)]
    fn what_is_wrong_is_told_with_document_and_line(
        #[case] text: &str,
        #[case] document: usize,
        #[case] line: usize,
    ) {
        let flaw = parse(text).unwrap_err();
        assert_eq!((flaw.document, flaw.line), (document, line), "{}", flaw.why);
    }

    #[rstest]
    #[case("- ".repeat(100_000))]
    #[case("[".repeat(100_000))]
    fn a_document_that_is_nested_too_deeply_is_refused(#[case] text: String) {
        assert!(parse(&text).is_err());
    }
}
