//! Where the cluster's cache is, as somebody outside of it finds out. Pure.

use std::str::FromStr;

use tagger_core::generation::Generation;
use tagger_core::reference::{Reference, Registry, Repository};

use crate::problem::Problem;

/// A place for images: a registry, and the beginning of every repository there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePlace {
    /// The registry.
    pub registry: Registry,
    /// What repositories begin with.
    pub prefix: Option<Repository>,
}

impl FromStr for CachePlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
        let wrong = |why: &dyn std::fmt::Display| {
            format!("{text:?} is no place for images ({why}); write host[:port][/path]")
        };
        let registry = host.parse().map_err(|error| wrong(&error))?;
        let path = path.map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty());
        let prefix = path.map(str::parse).transpose().map_err(|error| wrong(&error))?;
        Ok(Self { registry, prefix })
    }
}

impl CachePlace {
    /// The repository of a Tag there.
    pub(crate) fn repository(&self, namespace: &str, name: &str) -> Result<Repository, Problem> {
        let prefix = self.prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
        let repository = format!("{prefix}{namespace}/{name}");
        repository.parse().map_err(|error| {
            Problem::Invalid(format!("{repository:?} can't be a repository of the cache: {error}"), None)
        })
    }

    /// The place where a generation of a Tag was mirrored to, or uploaded. None for one that was neither.
    pub(crate) fn of(namespace: &str, name: &str, generation: &Generation) -> Option<Self> {
        if !generation.is_mirrored() && !generation.is_upload() {
            return None;
        }
        let image: Reference = generation.image_reference.parse().ok()?;
        let own = format!("{namespace}/{name}");
        let before = image.repository().as_str().strip_suffix(&own)?;
        let prefix = match before {
            "" => None,
            path => Some(path.strip_suffix('/')?.parse().ok()?),
        };
        Some(Self { registry: image.registry()?.clone(), prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case("cache.internal:5000", Some("cache.internal:5000 -"))]
    #[case("cache.internal/mirror/of", Some("cache.internal mirror/of"))]
    #[case("cache.internal/", Some("cache.internal -"))]
    #[case("http://cache.internal", None)]
    #[case("me@cache.internal", None)]
    #[case("cache.internal/../x", None)]
    fn a_place_is_read(#[case] text: &str, #[case] read: Option<&str>) {
        let place: Result<CachePlace, String> = text.parse();
        let shown = place.map(|place| {
            format!("{} {}", place.registry, place.prefix.as_ref().map_or("-", Repository::as_str))
        });
        assert_eq!(shown.as_deref().ok(), read, "{shown:?}");
        if let Err(problem) = shown {
            assert!(problem.contains("write host[:port][/path]"), "{problem}");
        }
    }

    #[rstest]
    #[case::mirrored("cache.io:5000/team/myapp", true, Some("cache.io:5000/team/myapp"))]
    #[case::with_a_prefix("cache.io/mirror/team/myapp", true, Some("cache.io/mirror/team/myapp"))]
    #[case::not_mirrored("quay.io/team/myapp", false, None)]
    #[case::of_another_tag("cache.io/other/myapp", true, None)]
    #[case::no_part_of_a_name("cache.io/myteam/myapp", true, None)]
    fn a_mirrored_generation_tells_where_the_cache_is(
        #[case] image: &str,
        #[case] is_mirrored: bool,
        #[case] found: Option<&str>,
    ) {
        let digest = format!("sha256:{:064x}", 1);
        let generation: Generation = serde_json::from_value(json!({
            "generation": 1, "from": "quay.io/a/b", "importedAt": "2026-01-01T00:00:00Z",
            "imageReference": format!("{image}@{digest}"),
            "source": is_mirrored.then(|| format!("quay.io/a/b@{digest}")),
        }))
        .unwrap();
        let place = CachePlace::of("team", "myapp", &generation);
        let told =
            place.map(|place| format!("{}/{}", place.registry, place.repository("team", "myapp").unwrap()));
        assert_eq!(told.as_deref(), found);
    }
}
