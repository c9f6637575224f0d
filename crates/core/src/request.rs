//! What a person asks of a Tag with `kubectl tag`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reference::Digest;

/// Asks for a generation. It counts while its number is the next one and is past as soon as that generation is there, so that it may
/// stay where it was written, and be written again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The number of the generation to make.
    pub generation: i64,
    /// The image that it is to be: one that a person put into the Tag's own repository in the cache. Without it, what the Tag's `from`
    /// points at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// When it was asked for. It makes another text of the same request: what failed is then tried again at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}
