//! Tags that move by themselves.

mod holding;
mod policies;
mod polls;
mod pushes;
mod throttled;
