//! What becomes of a copy when a registry, at either end, fails or misbehaves: nothing is there by half, the error says
//! where and what, and the next try sends what is missing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod blobs;
mod company;
mod credentials;
mod ends;
mod keeper;
mod manifests;
mod passing;
mod pieces;
mod places;
mod room;
mod tenants;
mod uploads;
