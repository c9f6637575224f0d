//! The admission webhook: an AdmissionReview in, a patch out, answered from memory.
//!
//! * [`review`]: what the API server asks, and how it is answered;
//! * [`workload`]: the workload that is asked about, read once;
//! * [`mutate`]: which images it gets, what follows what, and whether it is worth waiting a moment;
//! * [`standstill`]: how an update that comes to nothing leaves no trace;
//! * [`validate`]: which Tags are refused;
//! * [`patch`] and [`answer`]: what is sent back;
//! * [`intake`]: a body, within limits of size, time and memory;
//! * [`router`]: all of it as an axum Router, to be served or called in a test;
//! * [`metrics`]: what is counted of it;
//! * [`server`]: that Router over TLS, with limits for connections;
//! * [`registration`]: what tells the API server to ask.
//!
//! Nothing here asks the API server or a registry: the Tags come from a [`tagger_api::index::TagIndex`].

pub mod answer;
pub mod intake;
pub mod metrics;
pub mod mutate;
pub mod patch;
pub mod registration;
pub mod review;
pub mod router;
pub mod server;
pub mod standstill;
pub mod validate;
pub mod workload;

#[cfg(test)]
mod testing;
