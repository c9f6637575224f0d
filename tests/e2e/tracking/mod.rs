//! Tags that move by themselves.

mod crashes;
mod holding;
mod moments;
mod policies;
mod polls;
mod pushes;
mod rights;
mod throttled;
