//! The reader of manifests, opened to the fuzz targets.

pub use crate::commands::generate::rewritten_text as rewritten;
