//! Tags that move by themselves.

mod holding;
mod moments;
mod policies;
mod polls;
mod pushes;
mod throttled;
