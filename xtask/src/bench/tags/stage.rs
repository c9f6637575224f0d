//! What the Tags are measured on: a cluster, and registries over TLS.

use std::path::Path;

use anyhow::{Context, Result};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use tagger_api::Tag;
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::ControlPlaneOptions;
use tagger_testkit::operator::Operator;
use tagger_testkit::registry::{Registry, RegistryOptions};

use crate::bench::cluster::Cluster;

/// All the parts.
pub(super) struct Stage {
    pub(super) cluster: Cluster,
    pub(super) registry: Registry,
    /// Where Tags are mirrored into, if they are.
    pub(super) cache: Option<Registry>,
}

impl Stage {
    /// Starts all the parts. The operator is this checkout's, unless another build of it is named.
    pub(super) async fn set(other: Option<&Path>, cached: bool) -> Result<Self> {
        let assets = Assets::obtain().await?;
        let cluster = Cluster::set(&assets, &ControlPlaneOptions::default(), other).await?;
        let registry = Registry::start(&assets, &RegistryOptions::default().tls()).await?;
        let cache = match cached {
            true => Some(Registry::start(&assets, &RegistryOptions::default().tls()).await?),
            false => None,
        };
        Ok(Self { cluster, registry, cache })
    }

    /// Starts an operator, which knows nothing yet, and returns once it is ready.
    pub(super) async fn operator(&self) -> Result<Operator> {
        let mut flags = vec!["--private-registry".to_owned(), self.registry.address()];
        for registry in [Some(&self.registry), self.cache.as_ref()].into_iter().flatten() {
            let ca = registry.ca_file().context("the registry serves no TLS")?.display();
            flags.extend(["--registry-ca".to_owned(), format!("{}={ca}", registry.address())]);
        }
        if let Some(cache) = &self.cache {
            flags.extend(["--cache-registry".to_owned(), cache.address()]);
        }
        self.cluster.operator(&flags).await
    }

    /// Takes away the webhooks that the operator wrote itself into, and that nobody answers without it. The next operator
    /// brings them back.
    pub(super) async fn take_webhooks_away(&self) -> Result<()> {
        for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
            let none = r#"{"webhooks":null}"#;
            let kubectl = self.cluster.control_plane.kubectl();
            kubectl.run(&["patch", kind, "tagger", "--type=merge", "-p", none]).await?;
        }
        Ok(())
    }
}

/// Deletes all Tags of a namespace.
pub(super) async fn empty(tags: &Api<Tag>) -> Result<()> {
    while !tags.list(&ListParams::default().limit(1)).await?.items.is_empty() {
        tags.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    }
    Ok(())
}
