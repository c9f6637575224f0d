//! The registry that a cluster's maker describes in a ConfigMap (KEP-1755), as somebody outside of the cluster reads it.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use serde::Deserialize;
use tagger_core::reference::{Registry, Repository};

use crate::session::Cluster;

/// Where a cluster's own registry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hosting {
    /// For the machine of whoever made the cluster.
    pub(super) host: Option<Registry>,
    /// For Pods.
    pub(super) network: Option<Registry>,
    /// For nodes.
    pub(super) runtime: Option<Registry>,
    /// What repositories begin with, where Pods push to.
    pub(super) prefix: Option<Repository>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    host: Option<String>,
    host_from_cluster_network: Option<String>,
    host_from_container_runtime: Option<String>,
}

impl Hosting {
    /// What the cluster says. None where it says nothing, or not to us: then a registry is where its name says.
    pub(super) async fn of(cluster: &Cluster) -> Option<Self> {
        let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "kube-public");
        let map = match maps.get_opt("local-registry-hosting").await {
            Ok(map) => map?,
            Err(error) => {
                tracing::debug!(%error, "the cluster does not say where its own registry is");
                return None;
            }
        };
        Self::read(map.data?.get("localRegistryHosting.v1")?)
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let document: Document = serde_yaml_ng::from_str(text).ok()?;
        let pushed = document.host_from_cluster_network.as_ref().or(document.host.as_ref());
        let path = pushed.and_then(|text| text.split_once('/')).map(|(_, path)| path.trim_end_matches('/'));
        let prefix = path.and_then(|path| path.parse().ok());
        // The path behind a host is for references, not for connections.
        let registry = |text: Option<String>| text?.split('/').next()?.parse().ok();
        Some(Self {
            host: registry(document.host),
            network: registry(document.host_from_cluster_network),
            runtime: registry(document.host_from_container_runtime),
            prefix,
        })
    }

    /// Whether a registry's name is the one that this has within the cluster.
    pub(super) fn is_inside(&self, registry: &Registry) -> bool {
        [&self.network, &self.runtime].into_iter().flatten().any(|inside| inside == registry)
    }
}
