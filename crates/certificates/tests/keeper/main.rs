//! On a real API server: certificates and registration are kept as they are wanted.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authority;
mod cluster;
mod mounted;
