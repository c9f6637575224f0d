use tagger_core::reference::{Registry, Repository};

use super::{Name, Namespace, RegistriesConf};

/// Says where an image may be read: under which name at which registry.
///
/// That is not what the image is called: a Tag records what was asked for, and nodes have a `registries.conf` of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The registry to ask.
    pub registry: Registry,
    /// What the image's repository is called there.
    pub repository: Repository,
    /// Whether the registry is spoken to in plain HTTP.
    pub insecure: bool,
}

/// Says why an image may be read nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The file forbids it.
    #[error(
        "registries.conf blocks {prefix}; name another image, or take `blocked` from that [[registry]] and start tagger again"
    )]
    Blocked {
        /// The prefix that the image was found under.
        prefix: String,
    },
    /// Put behind the locations, the name is none that a registry takes.
    #[error(
        "registries.conf has no location under {prefix} at which this image has a valid name; correct the locations there and start tagger again"
    )]
    Unnamable {
        /// The prefix that the image was found under.
        prefix: String,
    },
}

impl RegistriesConf {
    /// The places of an image in the order in which they are tried: the mirrors of the longest prefix that fits, then its
    /// location. An image that no prefix fits is where its name says. Never empty.
    pub fn places(&self, registry: &Registry, repository: &Repository) -> Result<Vec<Place>, NoPlace> {
        let itself =
            |insecure| Place { registry: registry.clone(), repository: repository.clone(), insecure };
        let found = self.namespaces.iter().find_map(|namespace| {
            let usual_port = if namespace.insecure { 80 } else { 443 };
            Some((namespace, namespace.prefix.rest(registry, repository, usual_port)?))
        });
        let Some((namespace, rest)) = found else { return Ok(vec![itself(false)]) };
        let Namespace { prefix, mirrors, location, insecure, blocked } = namespace;
        if *blocked {
            return Err(NoPlace::Blocked { prefix: prefix.to_string() });
        }
        let mirrors = mirrors.iter().filter_map(|mirror| place(&mirror.location, rest, mirror.insecure));
        let last = match location {
            Some(location) => place(location, rest, *insecure),
            None => Some(itself(*insecure)),
        };
        let places: Vec<_> = mirrors.chain(last).collect();
        match places.is_empty() {
            true => Err(NoPlace::Unnamable { prefix: prefix.to_string() }),
            false => Ok(places),
        }
    }
}

/// None for a location that makes no name of the rest: it can't have the image.
fn place(location: &Name, rest: &str, insecure: bool) -> Option<Place> {
    Some(Place { registry: location.registry.clone(), repository: location.join(rest)?, insecure })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use tagger_core::reference::Reference;

    const FILE: &str = r#"
        [[registry]]
        location = "example.com"

        [[registry]]
        prefix = "example.com/foo"
        location = "internal.example.net/bar"
        [[registry.mirror]]
        location = "mirror-0.local/mirror-for-foo"
        [[registry.mirror]]
        location = "mirror-1.local:5000/mirrors/foo"
        insecure = true

        [[registry]]
        prefix = "example.com/foo/secret"
        blocked = true
        [[registry.mirror]]
        location = "mirror-0.local"

        [[registry]]
        prefix = "docker.io"
        [[registry.mirror]]
        location = "hub.local/hub"

        [[registry]]
        prefix = "docker.io/alpine"
        blocked = true

        [[registry]]
        prefix = "hub.example"
        location = "index.docker.io"

        [[registry]]
        prefix = "*.corp.example"
        insecure = true

        [[registry]]
        prefix = "*.far.corp.example"
        location = "near.example/far"

        [[registry]]
        prefix = "a.corp.example"
        blocked = true

        [[registry]]
        prefix = "one.example/app"
        location = "two.example"

        [[registry]]
        prefix = "long.example"
        location = "long.example/path"
    "#;

    fn places(image: &str) -> Result<Vec<String>, NoPlace> {
        let image: Reference = image.parse().unwrap();
        let places =
            RegistriesConf::parse(FILE).unwrap().places(image.registry().unwrap(), image.repository())?;
        let shown = |place: Place| {
            let scheme = if place.insecure { "http" } else { "https" };
            format!("{scheme}://{}/{}", place.registry, place.repository)
        };
        Ok(places.into_iter().map(shown).collect())
    }

    #[rstest]
    #[case::no_prefix("quay.io/a/b", &["https://quay.io/a/b"])]
    #[case::a_host("example.com/a/b:v1", &["https://example.com/a/b"])]
    #[case::the_usual_port("example.com:443/a/b:v1", &["https://example.com/a/b"])]
    #[case::another_port("example.com:5000/foo/x", &["https://example.com:5000/foo/x"])]
    #[case::no_prefix_but_a_like_one("example.com.evil.io/foo/x", &["https://example.com.evil.io/foo/x"])]
    #[case::the_longest_prefix(
        "example.com/foo/image",
        &["https://mirror-0.local/mirror-for-foo/image", "http://mirror-1.local:5000/mirrors/foo/image", "https://internal.example.net/bar/image"]
    )]
    #[case::the_prefix_itself(
        "example.com/foo:v1",
        &["https://mirror-0.local/mirror-for-foo", "http://mirror-1.local:5000/mirrors/foo", "https://internal.example.net/bar"]
    )]
    #[case::no_half_component("example.com/foobar/x", &["https://example.com/foobar/x"])]
    #[case::a_neighbour_of_what_is_blocked(
        "example.com/foo/secrets",
        &["https://mirror-0.local/mirror-for-foo/secrets", "http://mirror-1.local:5000/mirrors/foo/secrets", "https://internal.example.net/bar/secrets"]
    )]
    #[case::docker_hub("index.docker.io/fedora", &["https://hub.local/hub/library/fedora", "https://docker.io/library/fedora"])]
    #[case::a_prefix_is_no_short_name("docker.io/alpine", &["https://hub.local/hub/library/alpine", "https://docker.io/library/alpine"])]
    #[case::to_docker_hub("hub.example/fedora", &["https://docker.io/library/fedora"])]
    #[case::a_wildcard("x.y.corp.example/a", &["http://x.y.corp.example/a"])]
    #[case::a_wildcard_is_not_the_domain("corp.example/a", &["https://corp.example/a"])]
    #[case::a_wildcard_has_no_port("x.corp.example:5000/a", &["https://x.corp.example:5000/a"])]
    #[case::a_wildcard_with_location("x.far.corp.example/a/b", &["https://near.example/far/a/b"])]
    fn an_image_has_its_places_in_order(#[case] image: &str, #[case] expected: &[&str]) {
        assert_eq!(places(image).unwrap(), expected);
    }

    #[rstest]
    #[case("example.com/foo/secret:v1", "example.com/foo/secret")]
    #[case("example.com:443/foo/secret/deep", "example.com/foo/secret")]
    #[case("docker.io/alpine/git", "docker.io/alpine")]
    #[case::rather_than_by_a_wildcard_as_long("a.corp.example/x", "a.corp.example")]
    fn what_is_blocked_has_no_place_and_not_in_a_mirror_either(#[case] image: &str, #[case] prefix: &str) {
        let blocked = places(image).unwrap_err();
        assert_eq!(blocked, NoPlace::Blocked { prefix: prefix.into() });
        assert!(blocked.to_string().contains(prefix), "{blocked}");
    }

    #[rstest]
    #[case::no_repository_is_left("one.example/app:v1", "one.example/app")]
    #[case::too_long(&format!("long.example/{}", "a".repeat(255)), "long.example")]
    fn an_image_that_no_location_can_name_is_told(#[case] image: &str, #[case] prefix: &str) {
        assert_eq!(places(image), Err(NoPlace::Unnamable { prefix: prefix.into() }));
    }
}
