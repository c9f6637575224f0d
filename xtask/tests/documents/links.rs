//! Links lead somewhere. Those to other sites are not followed: tests ask nobody outside.

use std::path::{Component, Path, PathBuf};

use crate::page::{Page, root};

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let pages = Page::all();
    let all = pages.iter().flat_map(|page| page.links().into_iter().map(move |link| (page, link)));
    let (mut seen, mut broken) = (0, Vec::new());
    for (page, link) in all.filter(|(_, link)| !link.contains("://") && !link.starts_with("mailto:")) {
        seen += 1;
        if let Err(why) = leads_somewhere(page, &link) {
            broken.push(format!("{}: {link}: {why}", page.path.display()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(seen > 100, "{seen}");
}

fn leads_somewhere(page: &Page, link: &str) -> Result<(), String> {
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = match path {
        "" => page.path.clone(),
        path => joined(page.path.parent().unwrap_or(Path::new("")), path).ok_or("leaves the checkout")?,
    };
    if !root().join(&target).exists() {
        return Err("there is no such file".into());
    }
    let Some(anchor) = anchor.filter(|_| target.extension().is_some_and(|ending| ending == "md")) else {
        return Ok(());
    };
    let anchors = Page::read(target).anchors();
    anchors.contains(anchor).then_some(()).ok_or_else(|| format!("no such heading; there are {anchors:?}"))
}

/// A path from the root of the checkout, or none where it leads out of it.
fn joined(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut joined = folder.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(part) => joined.push(part),
            Component::ParentDir if joined.pop() => {}
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(joined)
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let text = "[a](b.md)\n\n# Here\n".to_owned();
    let page = Page { path: "docs/concepts.md".into(), text };
    for (link, is_well) in [
        ("../README.md", true),
        ("guides", true),
        ("guides/no-such-guide.md", false),
        ("../../outside.md", false),
        ("concepts.md#no-such-heading", false),
    ] {
        assert_eq!(leads_somewhere(&page, link).is_ok(), is_well, "{link}");
    }
}
