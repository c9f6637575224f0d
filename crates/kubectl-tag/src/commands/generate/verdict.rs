//! Whether a Tag can follow an image.

use std::fmt;

use serde_json::Value;
use tagger_core::reference::{Reference, ReferenceError, Registry};

/// Why an image gets no Tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfollowed {
    Empty,
    NoText,
    Template,
    Variable,
    Digest,
    /// The object is annotated, and the image names a Tag of the manifests.
    Tag,
    /// The object is annotated, and the image could name a Tag that is elsewhere.
    MaybeTag,
    /// The object is not annotated, but the image names a Tag of the manifests.
    LikeTag,
    NoReference(ReferenceError),
}

/// The image that a Tag can follow here, or why there is none.
///
/// `written` is the text of the manifest from the image on, and `is_tag` says which names Tags of the same namespace have already.
pub(super) fn verdict(
    image: &Value,
    written: &str,
    is_annotated: bool,
    is_tag: impl Fn(&str) -> bool,
) -> Result<Reference, Unfollowed> {
    let text = match image {
        Value::String(text) if text.contains("{{") => return Err(Unfollowed::Template),
        Value::String(text) => text.as_str(),
        Value::Null => "",
        _ if written.starts_with("{{") => return Err(Unfollowed::Template),
        _ => return Err(Unfollowed::NoText),
    };
    if text.trim().is_empty() {
        return Err(Unfollowed::Empty);
    }
    if text.contains('$') {
        return Err(Unfollowed::Variable);
    }
    match (could_name_a_tag(text) && is_annotated, is_tag(text)) {
        (true, true) => return Err(Unfollowed::Tag),
        (true, false) => return Err(Unfollowed::MaybeTag),
        (false, true) => return Err(Unfollowed::LikeTag),
        (false, false) => {}
    }
    let reference = text.parse::<Reference>().map_err(Unfollowed::NoReference)?;
    match reference.tag() {
        Some(_) => Ok(reference),
        None => Err(Unfollowed::Digest),
    }
}

/// The image that is meant: a name without a registry is one of Docker Hub, as nodes have it.
pub(super) fn meant(reference: &Reference) -> Reference {
    match reference.registry() {
        Some(_) => reference.clone(),
        None => reference.at(&Registry::docker_hub()),
    }
}

fn could_name_a_tag(image: &str) -> bool {
    !image.contains(['/', ':', '@'])
}

impl fmt::Display for Unfollowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it has no image"),
            Self::NoText => f.write_str("its image is no text"),
            Self::Template => {
                f.write_str("its image is a template that was not rendered; helm template renders a chart")
            }
            Self::Variable => f.write_str("its image has a variable that was not replaced"),
            Self::Digest => f.write_str("its image is pinned by its digest, which never moves"),
            Self::Tag => f.write_str("its image names a Tag"),
            Self::MaybeTag => f.write_str(
                "its image names a Tag, it seems, since the object is annotated image-tag; write a registry before it if it does not",
            ),
            Self::LikeTag => f.write_str(
                "its image is also the name of a Tag in these manifests; write a registry before it, or annotate the object image-tag: \"true\"",
            ),
            Self::NoReference(error) => write!(f, "{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn judge(image: Value, is_annotated: bool) -> Result<String, String> {
        let written = if image.is_object() { "{{ .Values.image }}" } else { "x" };
        let verdict = verdict(&image, written, is_annotated, |name| name == "known");
        verdict.map(|reference| reference.to_string()).map_err(|why| why.to_string())
    }

    #[rstest]
    #[case("quay.io/company/myapp", "quay.io/company/myapp:latest")]
    #[case("nginx", "nginx:latest")]
    #[case("known:1", "known:1")]
    #[case("docker.io/nginx:1.25", "docker.io/library/nginx:1.25")]
    fn an_image_with_a_tag_can_be_followed(#[case] image: &str, #[case] expected: &str) {
        assert_eq!(judge(json!(image), false), Ok(expected.to_owned()));
    }

    #[rstest]
    fn a_tag_beside_a_digest_can_be_followed() {
        let image = format!("quay.io/a/b:1@{SHA}");
        assert_eq!(judge(json!(image), false), Ok(image));
    }

    #[rstest]
    #[case(json!(""), "no image")]
    #[case(json!(" "), "no image")]
    #[case(json!(null), "no image")]
    #[case(json!(12), "no text")]
    #[case(json!({"a": 1}), "not rendered")]
    #[case(json!("{{ .Values.image }}:{{ .Values.tag }}"), "not rendered")]
    #[case(json!("$(IMAGE)"), "variable")]
    #[case(json!("quay.io/a:${TAG}"), "variable")]
    #[case(json!(format!("quay.io/a@{SHA}")), "pinned")]
    #[case(json!("known"), "name of a Tag in these manifests")]
    #[case(json!("Quay.io/A"), "lower case")]
    #[case(json!("https://quay.io/a"), "scheme")]
    fn others_get_no_tag_and_it_is_told_why(#[case] image: Value, #[case] because: &str) {
        let why = judge(image, false).unwrap_err();
        assert!(why.contains(because), "{why}");
    }

    #[test]
    fn a_bare_name_on_an_annotated_object_names_a_tag() {
        assert_eq!(judge(json!("known"), true).unwrap_err(), "its image names a Tag");
        assert!(judge(json!("anything"), true).unwrap_err().contains("it seems"));
        assert!(judge(json!("anything:1"), true).is_ok());
    }

    #[rstest]
    #[case("nginx", "docker.io/library/nginx")]
    #[case("nginx:latest", "index.docker.io/nginx")]
    #[case("company/myapp:1", "docker.io/company/myapp:1")]
    fn names_that_mean_the_same_are_one(#[case] one: &str, #[case] other: &str) {
        let meaning = |text: &str| meant(&text.parse().unwrap());
        assert_eq!(meaning(one), meaning(other));
    }
}
