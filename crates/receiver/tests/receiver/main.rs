//! The receiver as senders meet it: by its Router, and over sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod authentication;
mod google;
mod hostile;
mod load;
mod notifications;
mod real_registry;
mod silence;
mod sockets;
mod support;
