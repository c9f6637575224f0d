//! Images go from one real registry to another, and every request and byte of it is counted.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod attachments;
mod economy;
mod foreign_layers;
mod kinds;
mod mirrors;
mod order;
mod referrers;
mod stale;
mod support;
mod tags;
mod together;
mod tokens;
