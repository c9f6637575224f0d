//! Names as notifications have them, made into references.

use tagger_core::reference::{Digest, Reference, Registry, Repository, TagName};

use crate::problem::Problem;

/// A text that must be there, and not empty.
pub(crate) fn required<'a>(text: Option<&'a str>, field: &str) -> Result<&'a str, Problem> {
    text.filter(|text| !text.is_empty()).ok_or_else(|| Problem::Missing(field.to_owned()))
}

/// A repository.
pub(crate) fn repository(text: &str, field: &str) -> Result<Repository, Problem> {
    let expected = "a repository: lower case letters, digits, dots, dashes and underscores, in parts with slashes between";
    text.parse().map_err(|_| Problem::Wrong { field: field.to_owned(), expected })
}

/// A tag, or none where something without one was pushed: some send nothing in its place, and some the digest.
pub(crate) fn tag(text: Option<&str>, field: &str) -> Result<Option<TagName>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty() && text.parse::<Digest>().is_err()) else {
        return Ok(None);
    };
    let expected = "a tag: at most 128 letters, digits, dots, dashes and underscores";
    text.parse().map(Some).map_err(|_| Problem::Wrong { field: field.to_owned(), expected })
}

/// A registry. A host of one word without a port is none: in front of a path it is read as a part of that, so no Tag names it.
pub(crate) fn registry(text: &str, field: &str) -> Result<Registry, Problem> {
    let expected = "a registry: a host, with a port where it needs one";
    let registry = text.parse::<Registry>().ok().filter(|registry| {
        let named = format!("{registry}/path").parse::<Reference>();
        named.is_ok_and(|named| named.registry() == Some(registry))
    });
    registry.ok_or_else(|| Problem::Wrong { field: field.to_owned(), expected })
}

/// The tag in the repository of this registry, in its normal form.
pub(crate) fn reference(registry: &Registry, repository: Repository, tag: TagName) -> Reference {
    Reference::tagged(registry.clone(), repository, tag).at(registry)
}

/// The host and the path of a name that begins with a host.
pub(crate) fn host_and_path<'a>(text: &'a str, field: &str) -> Result<(&'a str, &'a str), Problem> {
    text.split_once('/')
        .ok_or_else(|| Problem::Wrong { field: field.to_owned(), expected: "a host, a slash and a path" })
}

/// The host of a URL, with its port; or of what is a host already.
pub(crate) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[rstest]
    #[case("v1", Some("v1"))]
    #[case("", None)]
    #[case(SHA, None)]
    fn nothing_and_a_digest_are_no_tag(#[case] text: &str, #[case] read: Option<&str>) {
        let read_tag = tag(Some(text), "tag").unwrap();
        assert_eq!(read_tag.as_ref().map(TagName::as_str), read);
    }

    #[rstest]
    #[case("a\nb")]
    #[case("a b")]
    #[case("sha256:x")]
    #[case("../../x")]
    fn what_is_no_tag_is_a_problem_that_repeats_nothing(#[case] text: &str) {
        let problem = tag(Some(text), "updated_tags[0]").unwrap_err().to_string();
        assert_eq!(
            problem,
            "`updated_tags[0]` must be a tag: at most 128 letters, digits, dots, dashes and underscores"
        );
    }

    #[rstest]
    #[case("a.io", true)]
    #[case("registry:5000", true)]
    #[case("localhost", true)]
    #[case("INDEX.docker.io", true)]
    #[case("registry", false)]
    #[case("Registry", false)]
    #[case("a_b", false)]
    fn a_registry_is_one_that_a_tag_may_name(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(registry(text, "host").is_ok(), is_one);
    }

    #[rstest]
    #[case("https://a.io/b?c", "a.io")]
    #[case("http://a.io:5000/v2/", "a.io:5000")]
    #[case("a.io", "a.io")]
    fn the_host_of_a_url_has_its_port(#[case] url: &str, #[case] host: &str) {
        assert_eq!(host_of(url), host);
    }
}
