//! The cache: what is copied there, used from there and removed from there, and what happens when it fails.

mod copies;
mod crashes;
mod failures;
mod pruning;
