//! The real parts that tests and the demo run on.
//!
//! No fake stands in for Kubernetes or for a registry here: [`assets`] finds or builds the
//! binaries and [`leash`] ties every process to the life of the process that started it.

pub mod assets;
pub mod leash;
mod log;
