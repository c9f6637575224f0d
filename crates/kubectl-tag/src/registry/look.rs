//! Looking into the image of a generation.

use tagger_core::generation::Generation;
use tagger_registry::{Inspected, Platform};

use super::{Registries, problem};
use crate::generations::recorded;
use crate::problem::Problem;

/// Looks into the image of a generation: the copy of it, or else where it came from.
pub(crate) async fn inspect(
    registries: &Registries<'_>,
    known: &Generation,
    platform: Option<&Platform>,
) -> Result<Inspected, Problem> {
    let ask = async |place: &str| {
        let image = recorded(place)?;
        let client = registries.client(&image).await?;
        let answer = match platform {
            Some(platform) => client.inspect_platform(&image, platform).await,
            None => client.inspect(&image).await,
        };
        answer.map_err(|error| problem(&error))
    };
    match ask(&known.image_reference).await {
        Err(problem) if known.is_mirrored() => {
            tracing::info!(%problem, "the copy does not tell; where it came from is asked");
            ask(known.origin()).await
        }
        answer => answer,
    }
}
