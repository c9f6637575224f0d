//! What the Tags are measured on: a control plane, a registry over TLS, and release builds of the operator.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use kube::api::{DeleteParams, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tagger_api::Tag;
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};
use tagger_testkit::operator::{Operator, installation};
use tagger_testkit::registry::{Registry, RegistryOptions};

use crate::cargo;

/// How many lines of the operator's log an error shows.
const LINES: usize = 20;

/// All the parts, and a client that may do everything.
pub(super) struct Stage {
    pub(super) control_plane: ControlPlane,
    pub(super) registry: Registry,
    /// Where Tags are mirrored into, if they are.
    pub(super) cache: Option<Registry>,
    client: Client,
    binary: PathBuf,
}

impl Stage {
    /// Starts all the parts. The operator is this checkout's, unless another build of it is named.
    pub(super) async fn set(other: Option<&Path>, cached: bool) -> Result<Self> {
        let binary = other.map_or_else(|| cargo::operator(true), |other| Ok(other.to_owned()))?;
        let assets = Assets::obtain().await?;
        eprintln!("starting a control plane and a registry");
        let control_plane = ControlPlane::start(&assets, &ControlPlaneOptions::default()).await?;
        let registry = Registry::start(&assets, &RegistryOptions::default().tls()).await?;
        let cache = match cached {
            true => Some(Registry::start(&assets, &RegistryOptions::default().tls()).await?),
            false => None,
        };
        let install = installation(&control_plane, &cargo::root().join("manifests"));
        control_plane.kubectl().run(&install).await?;
        let established = ["wait", "--for=condition=Established", "crd/tags.images.io", "--timeout=60s"];
        control_plane.kubectl().run(&established).await?;
        let kubeconfig = Kubeconfig::read_from(control_plane.kubeconfig())?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config).context("make a client for the API server")?;
        Ok(Self { control_plane, registry, cache, client, binary })
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
        Operator::start(&self.binary, &self.control_plane, &flags).await
    }

    /// Makes a namespace and gives its Tags.
    pub(super) async fn namespace(&self, name: &str) -> Result<Api<Tag>> {
        self.control_plane.kubectl().run(&["create", "namespace", name]).await?;
        Ok(Api::namespaced(self.client.clone(), name))
    }

    /// Takes away the webhooks that the operator wrote itself into, and that nobody answers without it. The next operator
    /// brings them back.
    pub(super) async fn take_webhooks_away(&self) -> Result<()> {
        for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
            let none = r#"{"webhooks":null}"#;
            self.control_plane.kubectl().run(&["patch", kind, "tagger", "--type=merge", "-p", none]).await?;
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

/// The end of an operator's log, for an error.
pub(super) fn log_of(operator: &Operator) -> String {
    let text = std::fs::read_to_string(operator.log()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("the Tags are not Ready. The end of the operator's log:\n{end}")
}
