//! The real parts that tests and the demo run on.
//!
//! No fake stands in for Kubernetes or for a registry here: [`assets`] finds or builds the
//! binaries, [`control_plane`] runs them, and [`leash`] ties every process to the life of the one
//! that started it.

pub mod assets;
pub mod authority;
mod client_certificate;
pub mod control_plane;
pub mod kubectl;
pub mod leash;
mod log;
pub mod port;
pub mod scratch;
