//! What every exchange with a registry has in common, in layers: who may be connected to and believed
//! (`connectors`, `resolver`, `address`), one request with its redirects and retries (`wire`), and the credentials that
//! it is shown (`access`, `tokens`).

mod access;
mod account;
mod address;
mod bucket;
mod budget;
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
mod tokens;
mod wire;

pub(crate) use access::{Access, Scope, Transport, Urgency};
pub use address::AddressKind;
pub(crate) use origin::Origin;
pub use problem::{ConnectProblem, TlsProblem};
pub use realm::RealmProblem;
pub use redirect::RedirectProblem;
pub(crate) use redirect::follow as redirected;
pub use tokens::TokenProblem;
pub(crate) use wire::{Answer, Call, Incoming, Payload, Read};
