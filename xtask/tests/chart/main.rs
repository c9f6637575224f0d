//! The Helm chart, rendered by Helm's own code: what must be so in every cluster, whatever the values.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod consistency;
mod monitoring;
mod options;
mod refusals;
mod rendered;
mod rights;
mod safety;
mod values;
