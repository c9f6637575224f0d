//! What is written for people holds: links lead somewhere, examples are taken as they stand, and every word that Tagger says is
//! explained. What is promised names its tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examples;
mod links;
mod page;
mod promises;
mod words;
