//! The pages of the documentation, as Markdown is read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// One page.
pub(crate) struct Page {
    /// Where it is, from the root of the checkout.
    pub(crate) path: PathBuf,
    /// What it says.
    pub(crate) text: String,
}

/// A fenced block of a page.
pub(crate) struct Block {
    /// What the fence says it is.
    pub(crate) language: String,
    /// What is in it.
    pub(crate) text: String,
}

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file below the root whose name ends so; what is hidden or built is left out.
pub(crate) fn files(ending: &str) -> Vec<PathBuf> {
    let root = root();
    let (mut folders, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_left_out = (name.starts_with('.') && name != ".github") || name == "target";
            match path.is_dir() {
                true if !is_left_out => folders.push(path),
                false if name.ends_with(ending) => found.push(path.strip_prefix(&root).unwrap().to_owned()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

impl Page {
    /// All pages.
    pub(crate) fn all() -> Vec<Self> {
        let pages: Vec<Self> = files(".md").into_iter().map(Self::read).collect();
        assert!(pages.len() > 40, "{}", pages.len());
        pages
    }

    /// The page at this path.
    pub(crate) fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = std::fs::read_to_string(root().join(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// Where its links and pictures lead.
    pub(crate) fn links(&self) -> Vec<String> {
        let target = |event| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some(dest_url.to_string())
            }
            _ => None,
        };
        self.events().filter_map(target).collect()
    }

    /// What of it can be linked to: its headings, as GitHub names them.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let (mut anchors, mut heading) = (BTreeSet::new(), None::<String>);
        for event in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    heading.iter_mut().for_each(|heading| heading.push_str(&text));
                }
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    let again = (1..).map(|number| format!("{slug}-{number}"));
                    let free = std::iter::once(slug.clone()).chain(again).find(|one| !anchors.contains(one));
                    anchors.extend(free);
                }
                _ => {}
            }
        }
        anchors
    }

    /// Its fenced blocks.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let (mut blocks, mut open) = (Vec::new(), None::<Block>);
        for event in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                    open = Some(Block { language: language.to_string(), text: String::new() });
                }
                Event::Text(text) => open.iter_mut().for_each(|block| block.text.push_str(&text)),
                Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
                _ => {}
            }
        }
        blocks
    }

    fn events(&self) -> Parser<'_> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES)
    }
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|one| one.is_alphanumeric() || matches!(one, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|one| if one == ' ' { '-' } else { one }).collect()
}

#[test]
fn headings_are_named_as_on_github() {
    let text = "# `kubectl tag` 2.0: a, b\n\n## Same\n\n## Same\n\n```\n# no heading\n```\n";
    let page = Page { path: "a.md".into(), text: text.into() };
    let anchors: Vec<String> = page.anchors().into_iter().collect();
    assert_eq!(anchors, ["kubectl-tag-20-a-b", "same", "same-1"]);
}
