//! The images that are copied.

use anyhow::Result;
use tagger_testkit::image::Image;
use tagger_testkit::manifest::Manifest;

use super::scenario::Scenario;

/// How many layers the large image has.
const LAYERS: u64 = 10;

/// How many layers small images share, and how large each is.
const SHARED: (u64, usize) = (4, 1 << 20);

/// How many platforms an index is for, and how many layers of which size each has.
const PLATFORMS: (usize, u64, usize) = (20, 3, 256 << 10);

/// An image, and where it is at each registry.
pub(super) struct Placed {
    pub(super) manifest: Manifest,
    pub(super) repository: String,
    pub(super) tag: String,
}

/// Makes the images of a scenario.
pub(super) fn of(scenario: Scenario, layer: usize, count: u64) -> Result<Vec<Placed>> {
    let large = |seed: u64| Image::single(seed).layers_of(0).layers(LAYERS, layer).own_layers(1);
    let placed = |image: Image, repository: &str, tag: &str| {
        anyhow::Ok(Placed {
            manifest: image.build()?,
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        })
    };
    Ok(match scenario {
        Scenario::Tiny => vec![placed(Image::single(9).layers(1, 64), "bench/tiny", "v1")?],
        Scenario::Cold | Scenario::Warm | Scenario::Sink => vec![placed(large(1), "bench/large", "v1")?],
        Scenario::Changed => vec![placed(large(2), "bench/large", "v2")?],
        Scenario::Many => {
            // One layer more than they share, which is each one's own.
            let small =
                |seed: u64| Image::single(seed).layers_of(99).layers(SHARED.0 + 1, SHARED.1).own_layers(1);
            let images =
                (0..count).map(|seed| placed(small(1_000 + seed), &format!("bench/small-{seed}"), "v1"));
            images.collect::<Result<_>>()?
        }
        Scenario::Platforms => {
            let names: Vec<String> = (0..PLATFORMS.0).map(|number| format!("linux/arch{number}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let image = Image::index(3, &names).layers(PLATFORMS.1, PLATFORMS.2);
            vec![placed(image, "bench/platforms", "v1")?]
        }
    })
}
