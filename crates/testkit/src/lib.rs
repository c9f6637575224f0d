//! The real parts that tests and the demo run on.
//!
//! No fake stands in for Kubernetes or for a registry here: [`assets`] finds or builds the
//! binaries, [`control_plane`] and [`registry`] run them, and [`leash`] ties every process to the
//! life of the one that started it. [`image`] makes what registries are filled with, and [`proxy`]
//! breaks what goes to and from them.

pub mod artifact;
pub mod assets;
pub mod attachment;
pub mod authority;
pub mod balancer;
mod client_certificate;
pub mod clock;
pub mod collector;
pub mod control_plane;
pub mod helm;
pub mod image;
pub mod kubectl;
pub mod kubelet;
pub mod leash;
mod log;
pub mod manifest;
pub mod notifier;
pub mod operator;
pub mod port;
pub mod prometheus;
pub mod proxy;
pub mod registry;
pub mod scratch;
mod server;
pub mod sink;
pub mod skopeo;
pub mod source;
pub mod target;
