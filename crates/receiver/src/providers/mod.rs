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

use tagger_core::reference::Reference;

use crate::message::Message;
use crate::problem::Problem;
use crate::provider::Provider;

/// How many entries a notification may have, and how many tags it may be about.
pub const MOST: usize = 1000;

/// What a notification comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// These tags were pushed; maybe none.
    Pushed(Vec<Reference>),
    /// The sender asks whether it may send, and waits for this code.
    Handshake(String),
}

/// Reads a notification of this provider.
pub fn hear(provider: Provider, message: &Message<'_>) -> Result<Heard, Problem> {
    let pushed = match provider {
        Provider::DockerHub => docker_hub::pushed(message),
        Provider::Quay => quay::pushed(message),
        Provider::GitHub => github::pushed(message),
        Provider::Harbor => harbor::pushed(message),
        Provider::Azure => azure::pushed(message),
        Provider::EventGrid => return event_grid::heard(message).and_then(bounded),
        Provider::Google => google::pushed(message),
        Provider::Amazon => amazon::pushed(message),
        Provider::JFrog => jfrog::pushed(message),
        Provider::Nexus => nexus::pushed(message),
        Provider::Distribution | Provider::GitLab => distribution::pushed(message),
        Provider::Zot => zot::pushed(message),
        Provider::CloudEvents => cloudevents::pushed(message),
    };
    bounded(Heard::Pushed(pushed?))
}

fn bounded(heard: Heard) -> Result<Heard, Problem> {
    match heard {
        Heard::Pushed(references) if references.len() > MOST => Err(Problem::TooMany),
        heard => Ok(heard),
    }
}
