//! What is made from the code: parts of the chart, the plain manifests that the chart gives, and pages of the reference. Made, or
//! checked for drift.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{chart, manifests, reference};

/// The path of a file in the checkout, and its text.
pub(crate) type File = (String, String);

/// Writes the files, or with `check` says which of them are not what the code makes.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    // The manifests come from the chart as it is on disk, so its own parts are first.
    let mut stale = settle(root, chart::parts(root)?, check)?;
    let rest = manifests::files(root)?.into_iter().chain(reference::pages()?).chain(reference::manuals()?);
    stale.extend(settle(root, rest.collect(), check)?);
    match stale.is_empty() {
        true => Ok(()),
        false => bail!("not what the code makes: {}; run `cargo xtask generate`", stale.join(", ")),
    }
}

/// Writes files that differ, or with `check` gives their names.
fn settle(root: &Path, files: Vec<File>, check: bool) -> Result<Vec<String>> {
    let mut stale = Vec::new();
    for (name, text) in files {
        let path = root.join(&name);
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        if check {
            stale.push(name);
            continue;
        }
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        folder
            .and_then(|()| std::fs::write(&path, text))
            .with_context(|| format!("{} can't be written", path.display()))?;
        println!("wrote {name}");
    }
    Ok(stale)
}
