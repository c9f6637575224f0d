//! What each provider sends, read by a small pure function of bytes.
//!
//! What is no push of a tag, such as a pull, a deletion or a ping, is nothing to hear of. What can't be understood is a problem.

mod amazon;
mod azure;
mod cloudevents;
mod distribution;
mod docker_hub;
mod event_grid;
mod github;
mod google;
mod harbor;
mod jfrog;
mod nexus;
mod quay;
mod zot;

#[cfg(test)]
mod testing;

use crate::message::Message;
use crate::problem::Problem;
use crate::provider::Provider;
use crate::pushed::Pushed;

/// How many entries a notification may have, and how many tags it may be about.
pub const MOST: usize = 1000;

/// What a notification comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Tags were pushed; maybe none.
    Pushed(Pushed),
    /// The sender asks whether it may send, and waits for this code.
    Handshake(String),
}

/// Reads a notification of this provider.
pub fn hear(provider: Provider, message: &Message<'_>) -> Result<Heard, Problem> {
    let pushed = match provider {
        Provider::DockerHub => docker_hub::pushed(message)?.into(),
        Provider::Quay => quay::pushed(message)?.into(),
        Provider::GitHub => github::pushed(message)?.into(),
        Provider::Harbor => harbor::pushed(message)?,
        Provider::Azure => azure::pushed(message)?.into(),
        Provider::EventGrid => return event_grid::heard(message),
        Provider::Google => google::pushed(message)?.into(),
        Provider::Amazon => amazon::pushed(message)?.into(),
        Provider::JFrog => jfrog::pushed(message)?.into(),
        Provider::Nexus => nexus::pushed(message)?.into(),
        Provider::Distribution | Provider::GitLab => distribution::pushed(message)?,
        Provider::Zot => zot::pushed(message)?,
        Provider::CloudEvents => cloudevents::pushed(message)?,
    };
    Ok(Heard::Pushed(pushed))
}
