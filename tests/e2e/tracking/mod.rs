//! Tags that move by themselves.

mod counted;
mod holding;
mod moments;
mod policies;
mod polls;
mod pushes;
mod throttled;
