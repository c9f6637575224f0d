//! The chart's values as people read them: `values.yaml`, where what stands above a value says what it is for.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A value, or a group of values, that has something said of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    /// Where it is, such as `image.repository`.
    pub(super) path: String,
    /// What it is for.
    pub(super) about: String,
    /// What it is unless given; none for a group.
    pub(super) default: Option<Value>,
}

/// All values that have something said of them, in the order of the text.
pub(super) fn told(text: &str) -> Result<Vec<Told>> {
    let values: Value = serde_yaml_ng::from_str(text).context("values.yaml is no YAML")?;
    let (mut open, mut comment, mut found) = (Vec::<(usize, &str)>::new(), Vec::new(), Vec::<Told>::new());
    for line in text.lines() {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        if let Some(words) = bare.strip_prefix('#') {
            comment.push(words.trim());
            continue;
        }
        let about = std::mem::take(&mut comment).join(" ");
        let Some((key, _)) = bare.split_once(':').filter(|(key, _)| !key.starts_with(['-', ' '])) else {
            continue;
        };
        open.retain(|(other, _)| *other < indent);
        open.push((indent, key.trim_matches('"')));
        if about.is_empty() {
            continue;
        }
        let keys: Vec<&str> = open.iter().map(|(_, key)| *key).collect();
        let pointer: String = keys.iter().map(|key| format!("/{}", key.replace('/', "~1"))).collect();
        let default = values.pointer(&pointer).with_context(|| format!("{} is misread", keys.join(".")))?;
        found.push(Told { path: keys.join("."), about, default: Some(default.clone()) });
    }
    let paths: Vec<String> = found.iter().map(|told| format!("{}.", told.path)).collect();
    for told in &mut found {
        let inside = format!("{}.", told.path);
        if paths.iter().any(|other| other.len() > inside.len() && other.starts_with(&inside)) {
            told.default = None;
        }
    }
    Ok(found)
}

/// The text with another image in it, all else as it was.
pub(super) fn with_image(text: &str, repository: &str, digest: Option<&str>) -> Result<String> {
    let mut named = replaced(
        text,
        "  repository: registry.invalid/tagger/tagger\n",
        &format!("  repository: {repository}\n"),
    )?;
    if let Some(digest) = digest {
        named = replaced(&named, "  digest: \"\"\n", &format!("  digest: {digest}\n"))?;
    }
    Ok(named)
}

fn replaced(text: &str, old: &str, new: &str) -> Result<String> {
    ensure!(text.contains(old), "values.yaml has no line `{}`", old.trim());
    Ok(text.replacen(old, new, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = "# How many\n# there are.\nreplicas: 2\n\n# The image.\nimage:\n  # Where it is.\n  repository: a\n  # Which.\n  tag: \"\"\n\
                        # Who may.\nfrom:\n- all: {}\n# Nodes.\nnodes:\n  os/x: linux\n";

    #[test]
    fn what_stands_above_a_value_is_said_of_it() {
        let told = told(TEXT).unwrap();
        let read: Vec<_> = told.iter().map(|told| (told.path.as_str(), told.default.clone())).collect();
        let expected = [
            ("replicas", Some(json!(2))),
            ("image", None),
            ("image.repository", Some(json!("a"))),
            ("image.tag", Some(json!(""))),
            ("from", Some(json!([{ "all": {} }]))),
            ("nodes", Some(json!({ "os/x": "linux" }))),
        ];
        assert_eq!(read, expected);
        assert_eq!(told[0].about, "How many there are.");
    }

    #[test]
    fn a_packaged_chart_names_its_image() {
        let values =
            std::fs::read_to_string(super::super::folder(&crate::cargo::root()).join("values.yaml")).unwrap();
        let named = with_image(&values, "ghcr.io/owner/tagger", Some("sha256:1")).unwrap();
        let read: Value = serde_yaml_ng::from_str(&named).unwrap();
        let image = (
            &read["image"]["repository"],
            &read["image"]["digest"],
            &read["cacheRegistry"]["image"]["digest"],
        );
        assert_eq!(image, (&json!("ghcr.io/owner/tagger"), &json!("sha256:1"), &json!("")));
        assert!(with_image("", "a", None).is_err());
    }
}
