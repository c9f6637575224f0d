//! Takes the push notifications of registries and tells which tags they are about.
//!
//! * [`provider`]: who sends notifications, and how each shows that it is who it says;
//! * [`providers`]: what each of them sends, read by a small pure function of bytes;
//! * [`secrets`]: what senders must know, and what has to be so for a secret to be used;
//! * [`guard`]: whether a request is let in;
//! * [`google`]: the tokens of Google's Pub/Sub, and the keys that they are signed with;
//! * [`intake`]: a body, within limits of size, time and memory;
//! * [`queue`]: the tags that were told of and not looked at yet, each once;
//! * [`router`]: all of it as an axum Router, to be served or called in a test;
//! * [`server`]: that Router over plain HTTP, with limits for connections;
//! * [`metrics`]: what is counted.
//!
//! A notification is a hint and no fact: nothing of it is believed but that a tag is worth a look. Nothing here asks a registry or
//! the API server.

mod cloud_event;
pub mod google;
pub mod guard;
pub mod intake;
mod json;
mod message;
pub mod metrics;
mod naming;
mod problem;
pub mod provider;
pub mod providers;
mod pushed;
pub mod queue;
pub mod router;
pub mod secrets;
pub mod server;

pub use message::Message;
pub use problem::Problem;
pub use provider::Provider;
pub use pushed::{Pushed, Unusable};
pub use router::{Receiver, Settings};
