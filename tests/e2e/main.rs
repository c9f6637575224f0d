//! End to end: the real operator, a real API server, real registries, the real kubectl.
//!
//! One control plane, one registry and one operator serve all tests that leave them alone; each test has a namespace of its
//! own. Tests that stop, kill or starve a part start their own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test: what goes wrong ends it")]

mod appliers;
mod cache;
mod cache_place;
mod certificates;
mod copy;
mod credentials;
mod installation;
mod manual;
mod observed;
mod outages;
mod program;
mod receiver;
mod registries_conf;
mod replicas;
mod restored;
mod roll_outs;
mod scarce;
mod story;
mod support;
mod tags;
mod tracking;
mod workloads;
