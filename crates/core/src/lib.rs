//! What Tagger decides, with no input or output of its own.
//!
//! Two functions carry the product:
//!
//! * [`decide::decide`] says what a Tag needs next: an import, a step to another generation, or nothing;
//! * [`rewrite::rewrite`] says which images a workload should have, and which of them follow which Tag.
//!
//! Around them stand [`mod@reference`] (names of images), [`generation`] (the history of a Tag), [`request`] (what a person asks of
//! it), [`policy`] (which tag of a repository is meant) and [`tracking`] (when a registry is looked at again). Nothing here knows Kubernetes or HTTP, reads
//! a clock, or can fail for a reason that is not in its arguments.

pub mod decide;
pub mod follow;
pub mod generation;
pub mod mirroring;
pub mod policy;
pub mod reference;
pub mod request;
pub mod rewrite;
pub mod shown;
pub mod tracking;
