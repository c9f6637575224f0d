//! `kubectl tag` end to end: through the real kubectl, against a real API server, the real operator and real registries.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test: what goes wrong ends it")]

mod completion;
mod disk;
mod errors;
mod forward;
mod kubelet;
mod pages;
mod plugin;
mod read;
mod registry;
mod rights;
mod steer;
#[path = "../e2e/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the end-to-end tests of the operator need more of it")]
mod support;
