//! Images go from one real registry to another, and every request and byte of it is counted.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod economy;
mod kinds;
mod order;
mod stale;
mod support;
mod together;
