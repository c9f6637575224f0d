//! What Tagger and a cluster say to each other.
//!
//! * [`tag`]: the Tag resource, `images.io/v1`, as it is stored;
//! * [`validation`]: which specifications are refused, by the same rules as the schema;
//! * [`choice`] and [`tracking`]: which tag a specification means, and what makes it look again, for [`tagger_core`];
//! * [`conditions`]: what the state of a Tag is called, by the rules of kstatus;
//! * [`crd`]: the CustomResourceDefinition, made from the types;
//! * [`index`]: what is known of all Tags, in memory, for admission and roll-outs;
//! * [`workload`]: the kinds that bear images, and where they bear them;
//! * [`annotations`]: what is written on workloads and Tags beside their own fields.

pub mod annotations;
pub mod choice;
pub mod conditions;
pub mod crd;
pub mod index;
pub mod tag;
pub mod tracking;
pub mod validation;
pub mod workload;

pub use tag::{Tag, TagSpec, TagStatus};
