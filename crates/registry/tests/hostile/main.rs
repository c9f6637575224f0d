//! What the client does when registries misbehave, request by request.

mod addresses;
mod manifests;
mod passing_faults;
mod redirects;
mod server;
mod tokens;
mod unqualified;
