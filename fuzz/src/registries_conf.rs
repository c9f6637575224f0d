//! `registries.conf`: the whole input is the file.

use tagger_core::reference::Reference;
use tagger_registry::{NoPlace, RegistriesConf};

use crate::assert_harmless;

const IMAGES: [&str; 4] =
    ["example.com/foo/image", "docker.io/library/alpine", "sub.example.com:5000/a/b/c", "localhost/x"];

/// What can't be honoured is told with a line that is there; an image that is not blocked has a place, which can be named.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let conf = match RegistriesConf::parse(text) {
        Ok(conf) => conf,
        Err(error) => {
            assert!((1..=1 + text.matches('\n').count()).contains(&error.line), "line {}", error.line);
            return assert_harmless(&error.to_string(), text.len());
        }
    };
    assert!(conf.unqualified().is_none_or(|registries| !registries.is_empty()));
    for image in IMAGES.iter().filter_map(|image| image.parse::<Reference>().ok()) {
        let Some(registry) = image.registry() else { continue };
        match conf.places(registry, image.repository()) {
            Ok(places) => {
                assert!(!places.is_empty());
                for place in places {
                    let named = format!("{}/{}", place.registry, place.repository).parse::<Reference>();
                    assert!(named.is_ok_and(|named| named.repository() == &place.repository));
                }
            }
            Err(NoPlace::Blocked { prefix } | NoPlace::Unnamable { prefix }) => {
                assert!(text.contains("[") && !prefix.is_empty())
            }
        }
    }
}
