//! The files that manifests come from.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// What manifests are called in a folder.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// How deep folders are gone into.
const DEPTH: usize = 64;

/// A text with manifests.
#[derive(Debug)]
pub(super) struct Source {
    /// The file, for messages.
    pub(super) name: String,
    /// What is in it, without byte order marks before it (files put together have several), and so that it is YAML.
    pub(super) text: String,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        Self { name: name.to_owned(), text: with_characters(text) }
    }
}

/// Reads files, the manifests of folders, and standard input for `-`.
pub(super) fn read(paths: &[PathBuf], recursive: bool) -> Result<Vec<Source>, Problem> {
    let mut sources = Vec::new();
    let mut has_read_input = false;
    for path in paths {
        let shown = path.display().to_string();
        if shown == "-" {
            // Whoever writes it twice means the same input.
            if !std::mem::replace(&mut has_read_input, true) {
                sources.push(text("standard input", |bytes| std::io::stdin().read_to_end(bytes))?);
            }
        } else if shown.contains("://") {
            return Err(Problem::Invalid(
                format!("{shown:?} is a URL, which is not read"),
                Some(format!("curl --fail --location {shown} | kubectl tag generate -f -")),
            ));
        } else if path.is_dir() {
            let mut files = Vec::new();
            list(path, if recursive { DEPTH } else { 1 }, &mut files)?;
            if files.is_empty() {
                let why = format!("the folder {shown:?} has no file that ends in .yaml, .yml or .json");
                let next = (!recursive).then(|| "-R looks in the folders within it as well".to_owned());
                return Err(Problem::Invalid(why, next));
            }
            for file in files {
                sources.push(read_file(&file)?);
            }
        } else {
            sources.push(read_file(path)?);
        }
    }
    Ok(sources)
}

/// JSON may write a slash, and writes characters beyond the first 65,536, by escapes that YAML as kubectl reads it does not know: among
/// other documents, such a JSON could not be read any more. So they become the characters themselves.
fn with_characters(text: &str) -> String {
    if !text.trim_start().starts_with('{') {
        return text.to_owned();
    }
    let (mut readable, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        let (written, length) = match (escape.starts_with("\\/"), pair(escape)) {
            (true, _) => ('/'.to_string(), 2),
            (_, Some(character)) => (character.to_string(), 12),
            // The backslash and what comes behind it, which may be another one.
            _ => (escape.chars().take(2).collect(), escape.chars().take(2).map(char::len_utf8).sum()),
        };
        readable.extend([before, written.as_str()]);
        rest = escape.get(length..).unwrap_or_default();
    }
    readable + rest
}

/// The character that two escapes stand for.
fn pair(escapes: &str) -> Option<char> {
    let half = |at: usize| {
        let digits = escapes.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let character = char::decode_utf16([half(0)?, half(6)?]).next()?.ok()?;
    (character.len_utf16() == 2).then_some(character)
}

fn read_file(path: &Path) -> Result<Source, Problem> {
    text(&path.display().to_string(), |bytes| std::fs::File::open(path)?.read_to_end(bytes))
}

fn text(name: &str, read: impl FnOnce(&mut Vec<u8>) -> std::io::Result<usize>) -> Result<Source, Problem> {
    let mut bytes = Vec::new();
    read(&mut bytes).map_err(|error| Problem::File(format!("{name} can't be read: {error}")))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, &text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            Err(Problem::Invalid(
                format!("{name}:{line}: this is no text in UTF-8"),
                Some("save the file in UTF-8, or leave it out".to_owned()),
            ))
        }
    }
}

/// The manifests of a folder by name. A link to a folder is not followed, since it may lead back.
fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let failed = |error| Problem::File(format!("the folder {} can't be read: {error}", folder.display()));
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    for path in paths {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_dir() {
            if depth > 1 && !path.is_symlink() {
                list(&path, depth - 1, files)?;
            }
        } else if ENDINGS.contains(&ending) {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("in/deep")).unwrap();
        for file in ["b.yaml", "a.yml", "c.json", "notes.txt", "in/d.yaml", "in/deep/e.yaml"] {
            std::fs::write(folder.path().join(file), format!("# {file}\n")).unwrap();
        }
        folder
    }

    fn texts(paths: &[PathBuf], recursive: bool) -> Vec<String> {
        read(paths, recursive).unwrap().into_iter().map(|source| source.text.trim().to_owned()).collect()
    }

    #[rstest]
    #[case(false, &["# a.yml", "# b.yaml", "# c.json"])]
    #[case(true, &["# a.yml", "# b.yaml", "# c.json", "# in/d.yaml", "# in/deep/e.yaml"])]
    fn a_folder_gives_its_manifests_by_name(#[case] recursive: bool, #[case] expected: &[&str]) {
        let folder = folder();
        assert_eq!(texts(&[folder.path().to_owned()], recursive), expected);
    }

    #[test]
    fn a_file_that_is_named_is_read_whatever_it_is_called() {
        let folder = folder();
        assert_eq!(texts(&[folder.path().join("notes.txt")], false), ["# notes.txt"]);
    }

    #[test]
    fn a_link_that_leads_back_is_not_followed() {
        let folder = folder();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("in/again")).unwrap();
        assert_eq!(texts(&[folder.path().to_owned()], true).len(), 5);
    }

    #[rstest]
    #[case(r#"{"a": "\ud83d\ude00 \u00e9\ud83d\ude00"}"#, r#"{"a": "😀 \u00e9😀"}"#)]
    #[case(r#"{"a": "\\ud83d\\ude00 \ud83d \u00e9"}"#, r#"{"a": "\\ud83d\\ude00 \ud83d \u00e9"}"#)]
    #[case("a: \\ud83d\\ude00", "a: \\ud83d\\ude00")]
    #[case("\u{feff}{}", "{}")]
    #[case("\u{feff}\u{feff}a: b", "a: b")]
    #[case(r#"{"a": "b\/c\\/d\n\"/"}"#, r#"{"a": "b/c\\/d\n\"/"}"#)]
    #[case("{\\", "{\\")]
    #[case("{\\é\\u12", "{\\é\\u12")]
    fn json_becomes_yaml(#[case] json: &str, #[case] yaml: &str) {
        assert_eq!(Source::new("a.json", json).text, yaml);
    }

    #[rstest]
    #[case("in/deep/none.yaml", "can't be read")]
    #[case("https://example.com/a.yaml", "is a URL")]
    #[case("empty", "has no file")]
    #[case("latin1.yaml", "latin1.yaml:2: this is no text in UTF-8")]
    fn what_cannot_be_read_is_told(#[case] path: &str, #[case] because: &str) {
        let folder = folder();
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        std::fs::write(folder.path().join("latin1.yaml"), b"a: b\nc: \xe9\n").unwrap();
        let path = if path.contains("://") { path.into() } else { folder.path().join(path) };
        let problem = read(&[path], false).unwrap_err().to_string();
        assert!(problem.contains(because), "{problem}");
    }
}
