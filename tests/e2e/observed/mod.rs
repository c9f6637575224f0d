//! What the operator tells of itself: what it counts, logs and traces.

mod counted;
mod logged;
mod traced;
