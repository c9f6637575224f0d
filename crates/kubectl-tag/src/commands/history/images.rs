//! What registries say of the images of generations.

use futures::{StreamExt, stream};
use serde::Serialize;
use tagger_core::generation::Generation;
use tagger_registry::Inspected;

use super::Row;
use crate::arguments::RegistryFlags;
use crate::problem::Problem;
use crate::registry::{Registries, inspect};
use crate::session::Session;

/// How many images are looked into at once.
const AT_ONCE: usize = 4;

/// What a registry says of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Image {
    /// The bytes of its layers and configuration, as they travel: of one of its platforms, where there are several.
    pub(super) size: u64,
    /// For which machines it is.
    pub(super) platforms: Vec<String>,
}

/// Asks the registries. One that can't tell is told of once for each image, and the rest stands.
pub(super) async fn add(session: &Session, flags: &RegistryFlags, rows: &mut [Row]) -> Result<(), Problem> {
    let registries = Registries::new(session, flags)?;
    let images: Vec<Result<Image, Problem>> = stream::iter(rows.iter())
        .map(|row| look(&registries, &row.generation))
        .buffered(AT_ONCE)
        .collect()
        .await;
    for (row, image) in rows.iter_mut().zip(images) {
        match image {
            Ok(image) => row.image = Some(image),
            Err(problem) => {
                session.screen.note(format_args!("generation {}: {problem}", row.generation.generation));
            }
        }
    }
    Ok(())
}

async fn look(registries: &Registries<'_>, generation: &Generation) -> Result<Image, Problem> {
    let whole = inspect(registries, generation, None).await?;
    let platforms: Vec<String> =
        whole.platforms.iter().filter_map(|child| child.platform.as_ref()).map(ToString::to_string).collect();
    let first = whole.platforms.iter().find_map(|child| child.platform.clone());
    let inside = match (&whole.image, &first) {
        (None, Some(platform)) => inspect(registries, generation, Some(platform)).await?,
        _ => whole,
    };
    Ok(image(&inside, platforms))
}

fn image(inside: &Inspected, mut platforms: Vec<String>) -> Image {
    let content = inside.image.as_ref();
    if platforms.is_empty() {
        platforms.extend(content.and_then(|content| content.platform.as_ref()).map(ToString::to_string));
    }
    Image { size: content.map_or(0, |content| content.size), platforms }
}
