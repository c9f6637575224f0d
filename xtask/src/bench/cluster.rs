//! What every measurement of the operator stands on: a control plane with Tagger installed, and a build of the operator.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tagger_api::Tag;
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};
use tagger_testkit::operator::{Operator, OperatorOptions, installation};

use crate::cargo;

/// How many lines of the operator's log an error shows.
const LINES: usize = 20;

/// A control plane with Tagger's manifests, a client that may do everything, and a program to run.
pub(crate) struct Cluster {
    pub(crate) control_plane: ControlPlane,
    pub(crate) client: Client,
    binary: PathBuf,
}

impl Cluster {
    /// Starts the control plane and installs Tagger. The operator is this checkout's, unless another build of it is named.
    pub(crate) async fn set(
        assets: &Assets,
        options: &ControlPlaneOptions,
        other: Option<&Path>,
    ) -> Result<Self> {
        let binary = other.map_or_else(|| cargo::operator(true), |other| Ok(other.to_owned()))?;
        eprintln!("starting a control plane");
        let control_plane = ControlPlane::start(assets, options).await?;
        let install = installation(&control_plane, &cargo::root().join("manifests"));
        control_plane.kubectl().run(&install).await?;
        let established = ["wait", "--for=condition=Established", "crd/tags.images.io", "--timeout=60s"];
        control_plane.kubectl().run(&established).await?;
        let kubeconfig = Kubeconfig::read_from(control_plane.kubeconfig())?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config).context("make a client for the API server")?;
        Ok(Self { control_plane, client, binary })
    }

    /// Starts an operator, which knows nothing yet, and returns once it is ready.
    pub(crate) async fn operator(&self, flags: &[String]) -> Result<Operator> {
        Operator::start(&self.binary, &self.control_plane, flags).await
    }

    /// The same, with more that is not as usual.
    pub(crate) async fn operator_with(&self, options: &OperatorOptions) -> Result<Operator> {
        Operator::start_with(&self.binary, &self.control_plane, options).await
    }

    /// The operator's name among the programs that run: the kernel keeps so many characters of it.
    pub(crate) fn program(&self) -> String {
        let name = self.binary.file_name().unwrap_or_default().to_string_lossy();
        name.chars().take(15).collect()
    }

    /// Makes a namespace and gives its Tags.
    pub(crate) async fn namespace(&self, name: &str) -> Result<Api<Tag>> {
        self.control_plane.kubectl().run(&["create", "namespace", name]).await?;
        Ok(Api::namespaced(self.client.clone(), name))
    }
}

/// The end of an operator's log, for an error.
pub(crate) fn log_of(operator: &Operator) -> String {
    let text = std::fs::read_to_string(operator.log()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("the Tags are not Ready. The end of the operator's log:\n{end}")
}
