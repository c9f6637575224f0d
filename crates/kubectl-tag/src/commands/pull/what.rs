//! What is pulled, and what it is called. Pure.

use tagger_core::generation::Generation;
use tagger_core::reference::Reference;

use super::Layout;
use crate::problem::Problem;

/// An image to pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct What {
    /// What it is called in messages.
    pub(super) shown: String,
    /// What its file or folder is called.
    pub(super) called: String,
    /// Where it is had, the first place first.
    pub(super) from: Vec<Reference>,
    /// What it is called within.
    pub(super) name: Option<Reference>,
}

/// The image that a name means. None where it means a Tag: a Tag's name has neither a slash nor a colon.
pub(super) fn named(name: &str, has_generation: bool) -> Result<Option<Reference>, Problem> {
    if !name.contains(['/', ':', '@']) {
        return Ok(None);
    }
    if has_generation {
        let what = format!("{name:?} is an image, and only a Tag has generations");
        return Err(Problem::Invalid(what, Some("name the Tag, or leave --generation out".to_owned())));
    }
    let read: Result<Reference, _> = name.parse();
    read.map(Some).map_err(|error| Problem::Invalid(format!("{error}"), None))
}

/// The file or folder that an image goes to where nobody says.
pub(super) fn place(called: &str, layout: Layout) -> String {
    match layout {
        Layout::OciDir => called.to_owned(),
        Layout::OciArchive | Layout::DockerArchive => format!("{called}.tar"),
    }
}

impl What {
    pub(super) fn of_image(image: Reference) -> Self {
        let last = image.repository().as_str().rsplit('/').next().unwrap_or_default();
        Self { shown: image.to_string(), called: last.to_owned(), from: vec![image], name: None }
    }

    /// A generation, from the cache where it is there, and from where it was imported otherwise.
    pub(super) fn of_tag(
        name: &str,
        known: &Generation,
        image: Reference,
        origin: Option<Reference>,
    ) -> Self {
        let tag = known.tag.as_deref().and_then(|tag| tag.parse().ok());
        let from = origin.as_ref().unwrap_or(&image);
        let named = match (from.registry(), tag) {
            (Some(registry), Some(tag)) => {
                Some(Reference::tagged(registry.clone(), from.repository().clone(), tag))
            }
            _ => None,
        };
        Self {
            shown: format!("{name}, generation {}", known.generation),
            called: name.to_owned(),
            from: [image].into_iter().chain(origin).collect(),
            name: named,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case("myapp", None)]
    #[case("quay.io/company/myapp", Some("quay.io/company/myapp:latest"))]
    #[case("fedora:40", Some("fedora:40"))]
    #[case("localhost:5000/myapp", Some("localhost:5000/myapp:latest"))]
    fn a_name_is_a_tags_or_an_images(#[case] name: &str, #[case] image: Option<&str>) {
        let read = named(name, false).unwrap().map(|image| image.to_string());
        assert_eq!(read.as_deref(), image);
    }

    #[test]
    fn a_name_that_is_none_and_a_generation_of_an_image_are_told() {
        assert!(named("a/B:x", false).is_err());
        let problem = named("a.io/b:1", true).unwrap_err();
        assert_eq!(problem.to_string(), r#""a.io/b:1" is an image, and only a Tag has generations"#);
    }

    #[test]
    fn an_image_goes_to_a_file_or_folder_of_its_last_name() {
        let what = What::of_image("quay.io/company/myapp:v1".parse().unwrap());
        assert_eq!(place(&what.called, Layout::OciDir), "myapp");
        assert_eq!(place(&what.called, Layout::DockerArchive), "myapp.tar");
    }

    #[test]
    fn a_generation_is_had_from_the_cache_and_else_from_its_source_and_bears_the_sources_name() {
        let digest = format!("sha256:{:064x}", 1);
        let known: Generation = serde_json::from_value(json!({
            "generation": 3, "from": "quay.io/a/b:v1", "importedAt": "2026-01-01T00:00:00Z", "tag": "v1",
            "imageReference": format!("cache.io/team/app@{digest}"), "source": format!("quay.io/a/b@{digest}"),
        }))
        .unwrap();
        let (image, origin) = (known.image_reference.parse().unwrap(), known.origin().parse().unwrap());
        let what = What::of_tag("app", &known, image, Some(origin));
        let from: Vec<String> = what.from.iter().map(Reference::to_string).collect();
        assert_eq!(from, [format!("cache.io/team/app@{digest}"), format!("quay.io/a/b@{digest}")]);
        assert_eq!(what.name.unwrap().to_string(), "quay.io/a/b:v1");
        assert_eq!(what.shown, "app, generation 3");
    }
}
