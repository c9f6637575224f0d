//! What every exchange with a registry has in common, in layers: who may be connected to and believed
//! (`connectors`, `resolver`, `address`), one request with its redirects and retries (`wire`), and the credentials that
//! it is shown (`access`, `tokens`).

mod access;
mod address;
mod challenge;
mod connectors;
mod origin;
mod patience;
mod problem;
mod realm;
mod redirect;
mod resolver;
mod tokens;
mod wire;

pub(crate) use access::{Access, Transport};
pub use address::AddressKind;
pub use problem::{ConnectProblem, TlsProblem};
pub use realm::RealmProblem;
pub use redirect::RedirectProblem;
pub use tokens::TokenProblem;
pub(crate) use wire::{Answer, Call};
