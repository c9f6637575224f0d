//! The cluster that a command talks to, as the flags describe it.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tagger_api::Tag;
use tokio::sync::OnceCell;

use crate::arguments::ClusterFlags;
use crate::problem::Problem;
use crate::screen::Screen;

/// The field manager of what this plugin writes. Flux takes out what managers wrote whose names begin with `kubectl`, and a step back
/// is not to be undone.
pub(crate) const FIELD_MANAGER: &str = "tagger-plugin";

/// What a command works with. The cluster is asked for only by commands that need one.
pub(crate) struct Session {
    pub(crate) flags: ClusterFlags,
    pub(crate) screen: Screen,
    cluster: OnceCell<Cluster>,
}

/// A cluster, and the namespace that commands are about where they are not told.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// Where its API server is, for messages.
    pub(crate) server: String,
    pub(crate) namespace: String,
}

impl Session {
    pub(crate) fn new(flags: ClusterFlags, screen: Screen) -> Self {
        Self { flags, screen, cluster: OnceCell::new() }
    }

    /// The cluster. No request is made for it.
    pub(crate) async fn cluster(&self) -> Result<&Cluster, Problem> {
        self.cluster.get_or_try_init(|| connect(&self.flags)).await
    }
}

impl Cluster {
    /// The Tags of a namespace.
    pub(crate) fn tags(&self, namespace: &str) -> Api<Tag> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The Tags of all namespaces.
    pub(crate) fn all_tags(&self) -> Api<Tag> {
        Api::all(self.client.clone())
    }

    /// Says what an error of the API server means to a person who wanted to do this: `get tags`.
    pub(crate) fn told(&self, doing: &str, namespace: Option<&str>, error: kube::Error) -> Problem {
        Problem::of_cluster(doing, namespace, &self.server, error)
    }
}

async fn connect(flags: &ClusterFlags) -> Result<Cluster, Problem> {
    let options = KubeConfigOptions {
        context: flags.context.clone(),
        cluster: flags.cluster.clone(),
        user: flags.user.clone(),
    };
    let chosen = flags.context.is_some() || flags.cluster.is_some() || flags.user.is_some();
    let read = match &flags.kubeconfig {
        Some(file) => Some(Kubeconfig::read_from(file)),
        None => Kubeconfig::from_env().transpose(),
    };
    let mut config = match read {
        Some(read) => {
            let file = read.map_err(Problem::Kubeconfig)?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(Problem::Kubeconfig)?
        }
        None if chosen => Config::from_kubeconfig(&options).await.map_err(Problem::Kubeconfig)?,
        None => Config::infer().await.map_err(|error| Problem::NoCluster(Box::new(error)))?,
    };
    let limit = Some(flags.request_timeout).filter(|limit| *limit > Duration::ZERO);
    config.connect_timeout = limit.map(|limit| limit.min(Duration::from_secs(10)));
    config.read_timeout = limit;
    config.write_timeout = limit;
    if flags.impersonate.is_some() {
        config.auth_info.impersonate.clone_from(&flags.impersonate);
        config.auth_info.impersonate_groups = Some(flags.impersonate_groups.clone());
    }
    let (server, namespace) = (config.cluster_url.to_string(), config.default_namespace.clone());
    let namespace = flags.namespace.clone().unwrap_or(namespace);
    let client = Client::try_from(config).map_err(|error| Problem::Client(Box::new(error)))?;
    Ok(Cluster { client, server: server.trim_end_matches('/').to_owned(), namespace })
}

/// Has what the libraries do told on standard error, as much as `-v` asks for.
pub(crate) fn log(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1..=3 => "info",
        4..=5 => "info,tagger_registry=debug,kube_client=debug",
        6..=7 => "debug",
        _ => "trace",
    };
    let log = tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr);
    // There is no other in this process.
    let _ = log.try_init();
}
