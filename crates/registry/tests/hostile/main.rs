//! What the client does when registries misbehave, request by request.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod addresses;
mod held;
mod limits;
mod manifests;
mod passing_faults;
mod patient;
mod places;
mod redirects;
mod server;
mod together;
mod tokens;
mod unqualified;
mod waiting;
