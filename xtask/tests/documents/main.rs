//! What is written for people holds: links lead somewhere, examples are taken as they stand, and every word that Tagger says is
//! explained. What is promised names its tests.

mod examples;
mod links;
mod page;
mod promises;
mod words;
