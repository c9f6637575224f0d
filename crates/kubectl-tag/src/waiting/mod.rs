//! Waiting until a Tag and its workloads have come to where a command wanted them, and showing how it goes.

mod drawing;
mod phase;

use std::time::{Duration, Instant};

use kube::ResourceExt;
use tagger_api::Tag;

use crate::problem::Problem;
use crate::session::Session;
use crate::steering::Change;
use crate::workloads;
use drawing::Drawing;
use phase::{Phase, Wanted, phase};

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);

/// Where a Tag is to come to by a change.
pub(crate) fn wanted(after: &Tag, change: &Change) -> Wanted {
    let number = |value: &serde_json::Value| value["generation"].as_i64();
    let generation = change.request.as_ref().and_then(number).or_else(|| number(&change.spec));
    let before = after.status.as_ref().and_then(|status| status.last_import_attempt.as_ref());
    Wanted {
        generation,
        version: after.metadata.generation,
        failed_before: before.filter(|attempt| !attempt.succeed).map(|attempt| attempt.when),
    }
}

/// A Tag that was just made: its first generation.
pub(crate) fn first(made: &Tag) -> Wanted {
    Wanted { generation: None, version: made.metadata.generation, failed_before: None }
}

/// Waits until a Tag is where it is wanted and its workloads run that, or until it is known that this does not come.
pub(crate) async fn until_done(
    session: &Session,
    tag: &Tag,
    wanted: Wanted,
    limit: Duration,
) -> Result<(), Problem> {
    let cluster = session.cluster().await?;
    let (namespace, name) = (tag.namespace().unwrap_or_else(|| cluster.namespace.clone()), tag.name_any());
    let started = Instant::now();
    let mut drawing = Drawing::new(session.screen, &name);
    loop {
        let tag = crate::tags::find_in(cluster, &namespace, &name).await?;
        let workloads = workloads::annotated(cluster, Some(&namespace)).await?;
        let phase = phase(&tag, &workloads, &wanted);
        drawing.show(&phase);
        match phase {
            Phase::Done { .. } => return Ok(()),
            Phase::Failed { message } => {
                let next = format!(
                    "the operator tries again by itself; kubectl tag status {name} shows how it goes"
                );
                return Err(Problem::Failed {
                    what: format!("the Tag {name:?} did not get there: {message}"),
                    next,
                });
            }
            other if started.elapsed() >= limit => {
                let next = format!("what was asked for goes on; kubectl tag status {name} shows how it goes");
                return Err(Problem::TooLong { what: other.to_string(), limit, next });
            }
            _ => tokio::time::sleep(LOOK.min(limit)).await,
        }
    }
}
