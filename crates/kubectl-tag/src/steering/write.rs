//! Making a change in the cluster, over the very version of the Tag that it was reckoned from.

use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tagger_api::Tag;

use super::change::{Change, merge};
use crate::arguments::DryRun;
use crate::problem::Problem;
use crate::session::{Cluster, FIELD_MANAGER};
use crate::tags;

/// How often a change is tried that somebody else is in the way of.
const TRIES: usize = 3;

/// A change that was made.
pub(crate) struct Made {
    /// The Tag that it was reckoned from.
    pub(crate) before: Tag,
    pub(crate) change: Change,
    /// The Tag with it.
    pub(crate) after: Tag,
    /// Whether nothing was sent, since the Tag was so already.
    pub(crate) was_so: bool,
}

/// Makes a change that is reckoned from the Tag as it is. One that somebody else was faster than is reckoned again.
pub(crate) async fn make(
    cluster: &Cluster,
    tag: Tag,
    dry_run: Option<DryRun>,
    reckon: impl Fn(&Tag) -> Result<Change, Problem>,
) -> Result<Made, Problem> {
    let (namespace, name) = (tag.namespace().unwrap_or_default(), tag.name_any());
    let params = PatchParams {
        dry_run: dry_run == Some(DryRun::Server),
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let mut before = tag;
    for _ in 0..TRIES {
        let change = reckon(&before)?;
        if change.is_made(&before) {
            return Ok(Made { after: before.clone(), before, change, was_so: true });
        }
        let patch = change.patch(Timestamp::now());
        if dry_run == Some(DryRun::Client) {
            let after = merged(&before, &patch)?;
            return Ok(Made { before, change, after, was_so: false });
        }
        // The server refuses it for any other version.
        let mut sent = patch.clone();
        sent["metadata"]["resourceVersion"] = json!(before.metadata.resource_version);
        match cluster.tags(&namespace).patch(&name, &params, &Patch::Merge(&sent)).await {
            Ok(after) => return Ok(Made { before, change, after, was_so: false }),
            Err(kube::Error::Api(refused)) if refused.is_conflict() => {
                before = tags::find_in(cluster, &namespace, &name).await?;
            }
            Err(error) => return Err(cluster.told("patch tags", Some(&namespace), error)),
        }
    }
    Err(Problem::Conflict { what: format!("the Tag {name:?} in the namespace {namespace:?}") })
}

/// The Tag as the patch would leave it.
fn merged(tag: &Tag, patch: &Value) -> Result<Tag, Problem> {
    let unreadable = |error: serde_json::Error| Problem::Output(error.to_string());
    let mut object = serde_json::to_value(tag).map_err(unreadable)?;
    merge(&mut object, patch);
    serde_json::from_value(object).map_err(unreadable)
}
