//! Waiting until a Tag and its workloads have come to where a command wanted them, and showing how it goes.

mod drawing;
mod phase;
mod reasons;
mod wanted;

use std::time::{Duration, Instant};

use kube::ResourceExt;
use tagger_api::Tag;

use crate::problem::Problem;
use crate::session::{Cluster, Session};
use crate::{tags, workloads};
use drawing::Drawing;
use phase::{Phase, Remedy, phase};

pub(crate) use wanted::Wanted;

/// How often the Tag is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often workloads are looked at besides.
const LOOK_AT_WORKLOADS: Duration = Duration::from_secs(1);

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
    let mut missing = Phase::Unseen.to_string();
    loop {
        // However little time is left, it is looked once.
        let left = limit.saturating_sub(started.elapsed()).max(LOOK);
        let pause = match tokio::time::timeout(left, look(cluster, &namespace, &name, &wanted)).await {
            Ok(Ok(phase)) => {
                drawing.show(&phase);
                missing = phase.to_string();
                match phase {
                    Phase::Done { .. } => return Ok(()),
                    Phase::Failed { message, remedy } => return Err(failure(&name, &message, remedy)),
                    Phase::RollingOut { .. } => LOOK_AT_WORKLOADS,
                    _ => LOOK,
                }
            }
            // An API server may be started anew.
            Ok(Err(problem @ Problem::Unreachable { .. })) => {
                missing = problem.to_string();
                drawing.tell(missing.clone());
                LOOK_AT_WORKLOADS
            }
            Ok(Err(problem)) => return Err(problem),
            Err(_) => LOOK,
        };
        let left = limit.saturating_sub(started.elapsed());
        if left.is_zero() {
            drawing.end();
            let next = format!("what was asked for goes on; kubectl tag status {name} shows how");
            return Err(Problem::TooLong { what: format!("the Tag {name:?}: {missing}"), limit, next });
        }
        tokio::time::sleep(pause.min(left)).await;
    }
}

/// How far it is now. Workloads are read only when there is something for them.
async fn look(cluster: &Cluster, namespace: &str, name: &str, wanted: &Wanted) -> Result<Phase, Problem> {
    let tag = tags::find_in(cluster, namespace, name).await?;
    let workloads = match wanted.is_there(&tag) {
        true => workloads::annotated(cluster, Some(namespace)).await?,
        false => Vec::new(),
    };
    Ok(phase(&tag, &workloads, wanted))
}

fn failure(name: &str, message: &str, remedy: Remedy) -> Problem {
    let next = match remedy {
        Remedy::MendAndWait => {
            format!("mend that; the operator tries again by itself, and kubectl tag import {name} at once")
        }
        Remedy::ChangeTheTag => {
            format!("kubectl edit tag {name} changes what it says; kubectl tag status {name} shows it")
        }
        Remedy::Resume => format!("kubectl tag resume {name} has it go on"),
        Remedy::Look => {
            format!("kubectl get tag {name} -o yaml --show-managed-fields shows who changes it")
        }
    };
    Problem::Failed { what: format!("the Tag {name:?} does not get there: {message}"), next }
}
