//! Images go to disk and come back, in folders and archives, past faults and past what others made.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod archives;
mod breaking;
mod ground;
mod pushing;
mod refusing;
mod saving;
mod with_skopeo;
