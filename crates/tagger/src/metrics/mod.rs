//! All that is counted in one registry, and what is the process's own: its build, its certificates, what it takes up, and its
//! requests to the API server.

pub(crate) mod api_server;
mod certificates;
mod described;
mod process;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tagger_certificates::keeper::Expiry;

pub use described::{Described, described};

/// The version that is running.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

/// A registry with what is the process's own.
pub(crate) fn registry(
    requests: &api_server::Requests,
    expiry: impl Fn() -> Expiry + Send + Sync + 'static,
) -> Registry {
    let mut registry = Registry::default();
    let build = Info::new(Build { version: env!("CARGO_PKG_VERSION") });
    registry.register("tagger_build", "The version of Tagger that is running", build);
    requests.register(&mut registry);
    registry.register_collector(Box::new(certificates::Certificates::new(expiry)));
    registry.register_collector(Box::new(process::Process));
    registry
}

/// Every metric of `tagger run`, with one sample of each word that a label may have: the reference page, the dashboard and the alerts
/// are held to it.
pub fn specimen() -> Registry {
    let requests = api_server::Requests::specimen();
    let mut registry = registry(&requests, || Expiry {
        serving: Some(Default::default()),
        authority: Some(Default::default()),
    });
    tagger_controller::Metrics::specimen(&mut registry);
    tagger_admission::metrics::Metrics::specimen(&mut registry);
    tagger_registry::Client::specimen(&mut registry);
    tagger_receiver::metrics::Metrics::specimen(&mut registry);
    registry
}

#[cfg(test)]
mod tests;
