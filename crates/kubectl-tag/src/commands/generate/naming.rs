//! The names of Tags.
//!
//! An image is called by the last part of its path: `quay.io/company/myapp:latest` is `myapp`. Where two images of a namespace would
//! have the same name, what tells them apart is added, and no more of it than that takes: the part of the path before
//! (`company-myapp`), the whole path, the registry; and the tag (`myapp-1-2`), which only `latest` goes without. Nothing depends on
//! the order of the images. What is still the same then, such as `my.app` beside `my_app`, gets some digits of its digest.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use tagger_core::reference::{Reference, Registry};

/// The most characters that a name may have: those of a label.
const LONGEST: usize = 63;
/// The fewest digits that tell two names apart, and the most, which are all.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=54;

/// A name for each of the images of a namespace, which have their registries. None is one of `taken`, nor what another of the images
/// may be called without a registry: whoever reads it could not say what is meant.
pub(super) fn names(images: &BTreeSet<Reference>, taken: &BTreeSet<String>) -> BTreeMap<Reference, String> {
    let stems: BTreeMap<Reference, String> =
        groups(images, |image| repository(image, 0)).values().flat_map(|group| within(group)).collect();
    let short: BTreeMap<&str, &Reference> =
        images.iter().filter_map(|image| Some((short_name(image)?, image))).collect();
    let mut names: BTreeMap<&Reference, String> =
        stems.iter().map(|(image, stem)| (image, cut(stem, LONGEST).to_owned())).collect();
    for digits in DIGITS {
        let mut bearers = BTreeMap::<String, usize>::new();
        names.values().for_each(|name| *bearers.entry(name.clone()).or_default() += 1);
        let is_free = |image: &Reference, name: &str| {
            bearers.get(name) == Some(&1)
                && !taken.contains(name)
                && short.get(name).is_none_or(|other| *other == image)
        };
        let mut are_free = true;
        for (image, name) in &mut names {
            if !is_free(image, name) {
                are_free = false;
                *name = distinct(&stems[*image], image, digits);
            }
        }
        if are_free {
            break;
        }
    }
    names.into_iter().map(|(image, name)| (image.clone(), name)).collect()
}

/// What an image may be called in short, where that looks like the name of a Tag.
fn short_name(image: &Reference) -> Option<&str> {
    let is_latest = image.tag().is_some_and(|tag| tag.as_str() == "latest") && image.digest().is_none();
    let is_hub = image.registry().is_some_and(Registry::is_docker_hub);
    image.repository().as_str().strip_prefix("library/").filter(|_| is_latest && is_hub)
}

/// The names of images whose paths end alike.
fn within(group: &[&Reference]) -> Vec<(Reference, String)> {
    let repositories = groups(group.iter().copied(), |image| (image.registry(), image.repository()));
    let is_told_apart = |level: &usize| {
        let named: BTreeSet<String> = repositories
            .values()
            .filter_map(|images| images.first())
            .map(|image| repository(image, *level))
            .collect();
        named.len() == repositories.len()
    };
    let level = (0..=LEVELS).find(is_told_apart).unwrap_or(LEVELS);
    let named = repositories.values().flat_map(|images| {
        images.iter().map(move |image| {
            let name = repository(image, level);
            let tag = image.tag().map_or("latest", |tag| tag.as_str());
            let needs_tag = images.len() > 1 && tag != "latest";
            let name = if needs_tag { format!("{name}-{}", word(tag)) } else { name };
            ((*image).clone(), name)
        })
    });
    named.collect()
}

/// How many levels of [`repository`] there are beyond the first.
const LEVELS: usize = 3;

/// A repository by the last part of its path, the last two, all, and with its registry.
fn repository(image: &Reference, level: usize) -> String {
    let parts: Vec<&str> = image.repository().as_str().split('/').collect();
    let path = match level {
        0 => &parts[parts.len() - 1..],
        1 => &parts[parts.len().saturating_sub(2)..],
        _ => &parts[..],
    };
    let path = word(&path.join("-"));
    match image.registry().filter(|_| level >= LEVELS) {
        Some(registry) => format!("{}-{path}", word(&registry.to_string())),
        None => path,
    }
}

/// A text with only what a name may have. What is nothing then is still something.
fn word(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-")
}

/// A name with digits that no other image has.
fn distinct(stem: &str, image: &Reference, digits: usize) -> String {
    let digest =
        Sha256::digest(image.to_string()).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("{}-{}", cut(stem, LONGEST - 1 - digits), cut(&digest, digits))
}

/// The beginning of a name, which is a name itself.
fn cut(name: &str, longest: usize) -> &str {
    name.get(..longest).unwrap_or(name).trim_end_matches('-')
}

fn groups<'i, K: Ord>(
    images: impl IntoIterator<Item = &'i Reference>,
    key: impl Fn(&'i Reference) -> K,
) -> BTreeMap<K, Vec<&'i Reference>> {
    let mut groups = BTreeMap::<K, Vec<&Reference>>::new();
    images.into_iter().for_each(|image| groups.entry(key(image)).or_default().push(image));
    groups
}

#[cfg(test)]
mod tests;
