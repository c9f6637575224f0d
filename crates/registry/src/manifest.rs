use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

/// The most bytes of a manifest, as registries have it.
pub(crate) const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most children of an index, and the most layers of an image.
pub(crate) const MAX_ENTRIES: usize = 10_000;

/// What is asked for: every kind of manifest by name, the indexes first, and any other after them.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    */*;q=0.1";

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Says why a document is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestProblem {
    /// It is a web page; something that is no registry answered.
    #[error("it is a web page; is there a registry at this address?")]
    WebPage,
    /// It is of Docker's schema 1, whose digest does not cover what it says.
    #[error(
        "it is of Docker's schema 1, which nothing runs any more; push the image again with a current tool"
    )]
    SchemaOne,
    /// Its kind is one that is JSON, and it is not.
    #[error("it is no JSON object")]
    NotJson,
    /// It is an index and an image at once, so that two readers may see two things.
    #[error("it has both `manifests` and `layers`")]
    Ambiguous,
    /// It has not what its kind has.
    #[error("it has no `{0}`, which its media type says")]
    Missing(&'static str),
    /// It has too many children or layers.
    #[error("it has more than {max} entries", max = MAX_ENTRIES)]
    TooManyEntries,
    /// What it names is not named by digest and size.
    #[error("it names a part that has no valid digest and size")]
    Parts,
    /// Its media type is none.
    #[error("its media type is not valid")]
    MediaType,
}

/// The part of a manifest that says what it is.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    manifests: Option<Count>,
    layers: Option<Count>,
    /// Of the artifact manifest that the specification had for a while.
    blobs: Option<Count>,
}

/// Checks a document and tells its media type: what the document says itself, else what the registry said with it.
pub(crate) fn media_type(document: &[u8], content_type: Option<&str>) -> Result<String, ManifestProblem> {
    let bare = |header: &str| header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let said = content_type.map(bare).filter(|said| !is_generic(said));
    if said.as_deref() == Some("text/html") {
        return Err(ManifestProblem::WebPage);
    }
    let shape = match (shape(document), &said) {
        (Some(shape), _) => shape,
        // An artifact of a kind of its own needs not be JSON; its bytes are what its digest says all the same.
        (None, Some(said)) if !is_known(said) && !said.ends_with("json") => return checked(said.clone()),
        (None, _) => return Err(ManifestProblem::NotJson),
    };
    if shape.manifests.is_some() && shape.layers.is_some() {
        return Err(ManifestProblem::Ambiguous);
    }
    let lists = [&shape.manifests, &shape.layers, &shape.blobs];
    if lists.into_iter().flatten().any(|Count(entries)| *entries > MAX_ENTRIES) {
        return Err(ManifestProblem::TooManyEntries);
    }
    let found = match (shape.media_type, said) {
        (Some(own), _) => own,
        (None, Some(said)) => said,
        (None, None) if shape.manifests.is_some() => OCI_INDEX.to_owned(),
        (None, None) if shape.layers.is_some() => OCI_MANIFEST.to_owned(),
        (None, None) => return Err(ManifestProblem::MediaType),
    };
    match found.as_str() {
        OCI_INDEX | DOCKER_LIST if shape.manifests.is_none() => Err(ManifestProblem::Missing("manifests")),
        OCI_MANIFEST | DOCKER_MANIFEST if shape.layers.is_none() => Err(ManifestProblem::Missing("layers")),
        old if old.starts_with("application/vnd.docker.distribution.manifest.v1") => {
            Err(ManifestProblem::SchemaOne)
        }
        _ => checked(found),
    }
}

/// A list would do for serde where an object is meant.
fn shape(document: &[u8]) -> Option<Shape> {
    let object = document.trim_ascii_start().starts_with(b"{");
    object.then(|| serde_json::from_slice(document).ok()).flatten()
}

fn is_known(media_type: &str) -> bool {
    [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST].contains(&media_type)
}

/// Content types that servers send when they don't know.
fn is_generic(content_type: &str) -> bool {
    matches!(content_type, "" | "application/json" | "application/octet-stream" | "text/plain")
}

/// `type/subtype` by RFC 6838, 4.2.
fn checked(media_type: String) -> Result<String, ManifestProblem> {
    let name = |part: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        (1..=127).contains(&part.len())
            && part.bytes().all(inner)
            && part.as_bytes()[0].is_ascii_alphanumeric()
    };
    match media_type.split_once('/').is_some_and(|(kind, sub)| name(kind) && name(sub)) {
        true => Ok(media_type),
        false => Err(ManifestProblem::MediaType),
    }
}

/// Counts the entries of a list without keeping them.
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counting;
        impl<'de> Visitor<'de> for Counting {
            type Value = Count;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut entries = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    entries += 1;
                }
                Ok(Count(entries))
            }
        }
        deserializer.deserialize_seq(Counting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    type Outcome = Result<&'static str, ManifestProblem>;

    #[rstest]
    #[case::own(
        r#"{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#,
        None,
        Ok(OCI_INDEX)
    )]
    #[case::own_first(
        r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#,
        Some(OCI_INDEX),
        Ok(OCI_MANIFEST)
    )]
    #[case::header(
        r#"{"manifests":[]}"#,
        Some("application/vnd.oci.image.index.v1+json; charset=utf-8"),
        Ok(OCI_INDEX)
    )]
    #[case::shape_index(r#"{"manifests":[]}"#, Some("application/json"), Ok(OCI_INDEX))]
    #[case::shape_manifest(r#"{"layers":[]}"#, None, Ok(OCI_MANIFEST))]
    #[case::artifact(
        r#"{"mediaType":"application/vnd.example.thing+json"}"#,
        None,
        Ok("application/vnd.example.thing+json")
    )]
    #[case::not_json_artifact("\u{0}asm", Some("application/wasm"), Ok("application/wasm"))]
    #[case::not_json("hello", Some(OCI_INDEX), Err(ManifestProblem::NotJson))]
    #[case::not_json_unnamed("hello", None, Err(ManifestProblem::NotJson))]
    #[case::json_list(r#"["a/b",[],null]"#, Some(OCI_INDEX), Err(ManifestProblem::NotJson))]
    #[case::web_page("<html>", Some("text/html; charset=utf-8"), Err(ManifestProblem::WebPage))]
    #[case::both(r#"{"manifests":[],"layers":[]}"#, Some(OCI_INDEX), Err(ManifestProblem::Ambiguous))]
    #[case::both_empty_object(
        r#"{"manifests":{},"layers":[]}"#,
        Some(OCI_INDEX),
        Err(ManifestProblem::NotJson)
    )]
    #[case::index_of_layers(
        r#"{"layers":[]}"#,
        Some(DOCKER_LIST),
        Err(ManifestProblem::Missing("manifests"))
    )]
    #[case::schema_one(
        r#"{"schemaVersion":1}"#,
        Some("application/vnd.docker.distribution.manifest.v1+prettyjws"),
        Err(ManifestProblem::SchemaOne)
    )]
    #[case::nothing("{}", None, Err(ManifestProblem::MediaType))]
    #[case::control(r#"{"mediaType":"a/b\nc"}"#, None, Err(ManifestProblem::MediaType))]
    #[case::twice(r#"{"layers":[],"layers":[]}"#, Some(OCI_MANIFEST), Err(ManifestProblem::NotJson))]
    fn a_manifest_is_known_or_refused(
        #[case] document: &str,
        #[case] header: Option<&str>,
        #[case] outcome: Outcome,
    ) {
        assert_eq!(media_type(document.as_bytes(), header), outcome.map(str::to_owned));
    }

    #[test]
    fn entries_are_bounded_and_depth_is_harmless() {
        let many = |n: usize| format!(r#"{{"manifests":[{}1]}}"#, "1,".repeat(n - 1));
        assert_eq!(media_type(many(10_000).as_bytes(), None), Ok(OCI_INDEX.into()));
        assert_eq!(media_type(many(10_001).as_bytes(), None), Err(ManifestProblem::TooManyEntries));
        let blobs = many(10_001).replace("manifests", "blobs");
        assert_eq!(media_type(blobs.as_bytes(), Some("a/b+json")), Err(ManifestProblem::TooManyEntries));
        let deep = format!(r#"{{"layers":[],"x":{}{}}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(media_type(deep.as_bytes(), None), Ok(OCI_MANIFEST.into()));
    }
}
