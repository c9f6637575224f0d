//! The images that the Tags follow.

use anyhow::Result;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::push_many;
use tagger_testkit::registry::Registry;

use crate::bench::crowd::AT_ONCE;

/// How many tags of a repository are followed, each by a Tag of its own.
const TAGS_OF_A_REPOSITORY: usize = 10;

/// How many images are pushed between two words of progress.
const PORTION: usize = 500;

/// An image in the registry.
pub(super) struct Pushed {
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) digest: String,
}

/// Pushes that many different images. They share a layer, so that each costs little more than its manifest.
pub(super) async fn push(registry: &Registry, count: usize) -> Result<Vec<Pushed>> {
    let repositories = count.div_ceil(TAGS_OF_A_REPOSITORY);
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        // The first image of each repository goes before the others, for it brings the layer: this registry refuses a
        // manifest while somebody else uploads a layer of it to the same repository.
        let first = if all.len() < repositories { repositories } else { count };
        let numbers = all.len()..first.min(all.len() + PORTION);
        let images = numbers.map(|number| {
            let image = Image::single(u64::try_from(number)?).layers_of(0).layers(1, 64).build()?;
            let repository = format!("bench/app-{}", number % repositories);
            anyhow::Ok((image, repository, format!("v{}", number / repositories)))
        });
        let images = images.collect::<Result<Vec<_>>>()?;
        let digests = push_many(registry, AT_ONCE, &images).await?;
        let pushed = images.into_iter().zip(digests);
        all.extend(pushed.map(|((_, repository, tag), pushed)| Pushed {
            repository,
            tag,
            digest: pushed.digest,
        }));
        eprintln!("pushed {} of {count} images", all.len());
    }
    Ok(all)
}
