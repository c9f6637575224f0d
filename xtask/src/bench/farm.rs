//! Many registries in this process, with an image for each of many Tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use kube::Api;
use kube::api::PostParams;
use tagger_api::tag::Track;
use tagger_api::{Tag, TagSpec};
use tagger_testkit::image::Image;
use tagger_testkit::manifest::Manifest;
use tagger_testkit::proxy::{Kind, Recorded};
use tagger_testkit::source::Source;

use super::crowd::each;

/// How many tags of a repository are followed, each by a Tag of its own.
const TAGS_OF_A_REPOSITORY: usize = 10;

/// The registries, and what is followed in them.
pub(crate) struct Farm {
    pub(crate) sources: Vec<Source>,
    followed: Vec<Followed>,
}

/// What one Tag follows.
pub(crate) struct Followed {
    pub(crate) source: usize,
    pub(crate) repository: String,
    pub(crate) tag: String,
}

impl Farm {
    /// Starts the registries, and spreads that many images evenly over them.
    pub(crate) async fn start(registries: usize, count: usize) -> Result<Self> {
        eprintln!("starting {registries} registries with {count} images");
        let followed: Vec<Followed> = (0..count).map(|number| followed(number, registries)).collect();
        let mut sources = Vec::with_capacity(registries);
        for source in 0..registries {
            let of = followed.iter().enumerate().filter(|(_, followed)| followed.source == source);
            let images = of.map(|(number, followed)| {
                Ok((image(number, 0)?, followed.repository.clone(), followed.tag.clone()))
            });
            sources.push(Source::start(&images.collect::<Result<Vec<_>>>()?).await?);
        }
        Ok(Self { sources, followed })
    }

    /// What lets an operator ask these registries.
    pub(crate) fn flags(&self) -> Vec<String> {
        let addresses = self.sources.iter().map(Source::address);
        addresses
            .flat_map(|address| {
                ["--insecure-registry".to_owned(), address.clone(), "--private-registry".to_owned(), address]
            })
            .collect()
    }

    /// Creates the Tags, one for each image.
    pub(crate) async fn follow(&self, api: &Api<Tag>, track: Option<Track>) -> Result<()> {
        let spec = |number| TagSpec {
            from: self.from(number),
            track: track.clone().map(Box::new),
            ..TagSpec::default()
        };
        let specs: Vec<TagSpec> = (0..self.followed.len()).map(spec).collect();
        each(specs.len(), (api.clone(), specs), create).await
    }

    /// What the Tag of this number follows.
    pub(crate) fn followed(&self, number: usize) -> &Followed {
        &self.followed[number]
    }

    /// Where the Tag of this number imports from.
    pub(crate) fn from(&self, number: usize) -> String {
        let Followed { source, repository, tag } = self.followed(number);
        format!("{}/{repository}:{tag}", self.sources[*source].address())
    }

    /// Makes what the Tag of this number follows another image, one for each version, and gives its digest.
    pub(crate) fn move_to(&self, number: usize, version: u64) -> Result<String> {
        let Followed { source, repository, tag } = self.followed(number);
        let image = image(number, version)?;
        self.sources[*source].put(&image, repository, tag);
        Ok(image.digest())
    }

    /// The digest of the image that [`Self::move_to`] has for this version, and that is there at first for version 0.
    pub(crate) fn digest(&self, number: usize, version: u64) -> Result<String> {
        Ok(image(number, version)?.digest())
    }

    /// Every request since the last call, for each registry.
    pub(crate) fn take_requests(&self) -> Vec<Vec<Recorded>> {
        self.sources.iter().map(|source| source.proxy().take_requests()).collect()
    }
}

/// The name of the Tag of this number.
pub(crate) fn name(number: usize) -> String {
    format!("tag-{number}")
}

/// How many requests there were of each method and kind, such as `HEAD manifest`.
pub(crate) fn kinds<'a>(requests: impl IntoIterator<Item = &'a Recorded>) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for request in requests {
        let kind = match request.kind {
            Kind::Manifest => "manifest",
            Kind::Tags => "tags",
            Kind::Ping => "ping",
            Kind::Blob | Kind::Upload => "blob",
            Kind::Referrers | Kind::Token | Kind::Other => "other",
        };
        *kinds.entry(format!("{} {kind}", request.method)).or_default() += 1;
    }
    kinds
}

fn followed(number: usize, registries: usize) -> Followed {
    let (source, inside) = (number % registries, number / registries);
    let (repository, tag) = (inside / TAGS_OF_A_REPOSITORY, inside % TAGS_OF_A_REPOSITORY);
    Followed { source, repository: format!("bench/app-{repository}"), tag: format!("v{tag}") }
}

/// A tiny image. Only its manifest is ever asked for.
fn image(number: usize, version: u64) -> Result<Manifest> {
    let image = Image::single(u64::try_from(number)?).layers_of(0).layers(1, 64);
    let mut manifest = image.label("version", &version.to_string()).build()?;
    manifest.blobs.clear();
    Ok(manifest)
}

async fn create(on: Arc<(Api<Tag>, Vec<TagSpec>)>, number: usize) -> Result<()> {
    let (api, specs) = &*on;
    let tag = Tag::new(&name(number), specs[number].clone());
    api.create(&PostParams::default(), &tag).await.context("create a Tag")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_tags_follow_the_same() {
        let all = (0..1000).map(|number| followed(number, 7));
        let all: BTreeSet<_> = all.map(|one| (one.source, one.repository, one.tag)).collect();
        assert_eq!(all.len(), 1000);
    }

    #[tokio::test]
    async fn what_is_followed_moves_by_itself() {
        let farm = Farm::start(2, 4).await.unwrap();
        let moved = farm.move_to(1, 1).unwrap();
        let Followed { source, repository, tag } = farm.followed(1);
        let target = farm.sources[*source].proxy().target().unwrap();
        assert_eq!(target.digest(repository, tag).await.unwrap(), Some(moved));
        let Followed { source, repository, tag } = farm.followed(3);
        let target = farm.sources[*source].proxy().target().unwrap();
        assert_eq!(target.digest(repository, tag).await.unwrap(), Some(image(3, 0).unwrap().digest()));
        let requests = farm.take_requests();
        assert_eq!(kinds(requests.iter().flatten()), BTreeMap::from([("HEAD manifest".to_owned(), 2)]));
        assert!(farm.take_requests().iter().all(Vec::is_empty));
    }
}
