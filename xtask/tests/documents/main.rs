//! What is written for people holds: links lead somewhere, examples are taken as they stand, and every word that Tagger says is
//! explained.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod examples;
mod links;
mod page;
mod words;
