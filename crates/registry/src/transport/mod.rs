//! What every exchange with a registry has in common, in layers: who may be connected to and believed
//! (`connectors`, `resolver`, `address`), one request with its redirects and retries (`wire`), the credentials that it is
//! shown (`show`, `tokens`), and when it is made at all: its registry's budget (`lane`, `bucket`), its account's limits
//! (`account`, `pause`, `quota`), and equal requests that it is one with (`merge`).

mod access;
mod account;
mod address;
mod answer;
mod ask;
mod bucket;
mod budget;
mod call;
mod challenge;
mod connectors;
mod lane;
mod merge;
mod metrics;
mod origin;
mod patience;
mod pause;
mod problem;
mod quota;
mod realm;
mod redirect;
mod refusal;
mod resolver;
mod room;
mod scope;
mod show;
mod tokens;
mod wire;

pub(crate) use access::Transport;
pub use address::AddressKind;
pub(crate) use answer::{Answer, Incoming};
pub(crate) use call::{Call, Payload, Read};
#[cfg(feature = "fuzzing")]
pub(crate) use challenge::{Scheme, choose as scheme};
pub(crate) use merge::Key as Same;
pub(crate) use origin::Origin;
pub use problem::{ConnectProblem, TlsProblem};
pub use realm::RealmProblem;
#[cfg(feature = "fuzzing")]
pub(crate) use realm::judge as realm;
pub use redirect::RedirectProblem;
pub(crate) use redirect::follow as redirected;
pub(crate) use scope::{Access, Scope, Urgency};
pub use tokens::TokenProblem;

/// Registers every metric with one sample of each word that a label may have.
pub(crate) fn specimen(registry: &mut prometheus_client::registry::Registry) {
    metrics::Metrics::specimen(registry);
}
