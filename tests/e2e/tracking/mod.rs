//! Tags that move by themselves.

mod counted;
mod crashes;
mod holding;
mod moments;
mod policies;
mod polls;
mod pushes;
mod rights;
mod throttled;
