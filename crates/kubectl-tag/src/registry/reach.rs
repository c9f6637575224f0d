//! A client for each registry, by the way on which it is reached.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Endpoints, Pod, Service as ServiceObject};
use kube::Api;
use tagger_core::reference::{Reference, Registry};
use tagger_registry::{Client, Detour, UserConfig};
use tokio::sync::{Mutex, OnceCell};

use super::forward::{Forward, to_pod};
use super::hosting::Hosting;
use super::probe::is_plain;
use super::route::{Route, Service, is_this_machine, may_be_local, route, target};
use crate::arguments::RegistryFlags;
use crate::cache::CachePlace;
use crate::problem::Problem;
use crate::session::Session;

/// The registries that a command asks. What leads to them is there for as long as this value lives.
pub(crate) struct Registries<'a> {
    session: &'a Session,
    flags: &'a RegistryFlags,
    credentials: Arc<UserConfig>,
    direct: Client,
    hosting: OnceCell<Option<Hosting>>,
    /// Those that are not where their names say.
    by_detour: Mutex<HashMap<Registry, (Client, Option<Forward>)>>,
}

impl<'a> Registries<'a> {
    pub(crate) fn new(session: &'a Session, flags: &'a RegistryFlags) -> Result<Self, Problem> {
        let credentials = super::credentials()?;
        let direct = super::client(flags, credentials.clone(), None)?;
        Ok(Self {
            session,
            flags,
            credentials,
            direct,
            hosting: OnceCell::new(),
            by_detour: Mutex::default(),
        })
    }

    /// A client that reaches the registry of a reference.
    pub(crate) async fn client(&self, reference: &Reference) -> Result<Client, Problem> {
        match reference.registry() {
            Some(registry) => self.client_of(registry).await,
            None => Ok(self.direct.clone()),
        }
    }

    /// A client that reaches a registry, by its own name.
    ///
    /// One that only the cluster knows is reached through a port-forward, which is made when it is first asked for.
    pub(crate) async fn client_of(&self, registry: &Registry) -> Result<Client, Problem> {
        if !may_be_local(registry) {
            return Ok(self.direct.clone());
        }
        match route(registry, self.hosting().await) {
            Route::Direct if is_this_machine(registry) => {
                // As docker does: nobody gives certificates for this machine, so what it speaks is looked at.
                let made = self.detour(registry, async || self.under(registry, registry).await).await;
                Ok(made.unwrap_or_else(|_| self.direct.clone()))
            }
            Route::Direct => Ok(self.direct.clone()),
            Route::Under(host) => self.detour(registry, async || self.under(registry, &host).await).await,
            Route::Forward(service) => {
                self.detour(registry, async || self.forward(registry, &service).await).await
            }
        }
    }

    /// The registry that the cluster's maker gave it, by the name that it has here or else within the cluster.
    pub(crate) async fn own_of_the_cluster(&self) -> Option<CachePlace> {
        let hosting = self.hosting().await?;
        let registry = hosting.host.as_ref().or(hosting.network.as_ref())?.clone();
        Some(CachePlace { registry, prefix: hosting.prefix.clone() })
    }

    fn by(&self, detour: Detour, plain: bool) -> Result<Client, Problem> {
        super::client(self.flags, self.credentials.clone(), Some((detour, plain)))
    }

    async fn hosting(&self) -> Option<&Hosting> {
        let read = async || match self.session.cluster().await {
            Ok(cluster) => Hosting::of(cluster).await,
            // An image can be asked about without a cluster.
            Err(_) => None,
        };
        self.hosting.get_or_init(read).await.as_ref()
    }

    async fn detour(
        &self,
        registry: &Registry,
        make: impl AsyncFnOnce() -> Result<(Client, Option<Forward>), Problem>,
    ) -> Result<Client, Problem> {
        let mut made = self.by_detour.lock().await;
        if let Some((client, _)) = made.get(registry) {
            return Ok(client.clone());
        }
        let (client, forward) = make().await?;
        made.insert(registry.clone(), (client.clone(), forward));
        Ok(client)
    }

    /// The registry under the name that it has outside of the cluster.
    async fn under(
        &self,
        registry: &Registry,
        host: &Registry,
    ) -> Result<(Client, Option<Forward>), Problem> {
        let told = |why: &dyn std::fmt::Display| {
            let what =
                format!("the registry {registry} can't be reached as {host}, as the cluster says: {why}");
            let next =
                "kubectl get configmap local-registry-hosting -n kube-public -o yaml shows it".to_owned();
            Problem::Registry(what, Some(next))
        };
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        let port = host.port().unwrap_or(443);
        let found = tokio::net::lookup_host((name, port)).await.map_err(|error| told(&error))?;
        let all: Vec<_> = found.collect();
        let mut last = std::io::Error::other("the name has no address");
        // localhost is two addresses, and a registry listens at one of them more often than at both.
        for at in all {
            match is_plain(at, &host.to_string()).await {
                Ok(plain) => {
                    let detour = Detour { registry: registry.clone(), at };
                    return Ok((self.by(detour, plain)?, None));
                }
                Err(error) => last = error,
            }
        }
        Err(told(&last))
    }

    /// The registry through a port-forward to a Pod behind its Service.
    async fn forward(
        &self,
        registry: &Registry,
        service: &Service,
    ) -> Result<(Client, Option<Forward>), Problem> {
        let cluster = self.session.cluster().await?;
        let Service { namespace, name, port } = service;
        let told = |doing: &str, error| cluster.told(doing, Some(namespace), error);
        let lost = |why: &dyn std::fmt::Display| {
            let what = format!(
                "the registry {registry} is the Service {name:?} in the namespace {namespace:?}, and can't be reached: {why}"
            );
            Problem::Registry(
                what,
                Some(format!("kubectl get service,endpoints {name} -n {namespace} shows it")),
            )
        };
        let services: Api<ServiceObject> = Api::namespaced(cluster.client.clone(), namespace);
        let endpoints: Api<Endpoints> = Api::namespaced(cluster.client.clone(), namespace);
        let object = services.get_opt(name).await.map_err(|error| told("get services", error))?;
        let object = object.ok_or_else(|| lost(&"there is no such Service"))?;
        let behind = endpoints.get_opt(name).await.map_err(|error| told("get endpoints", error))?;
        let target = target(&object, &behind.unwrap_or_default(), *port).map_err(|why| lost(&why))?;
        tracing::info!(%registry, pod = target.pod, port = target.port, "the registry is reached through a port-forward");
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
        // Made once here, so that what is wrong with it is told as what it is.
        let first = pods.portforward(&target.pod, &[target.port]).await;
        first.map_err(|error| told("create pods/portforward", error))?.abort();
        let forward = Forward::listen(to_pod(pods, target.pod, target.port)).await;
        let forward = forward.map_err(|error| lost(&error))?;
        let plain = is_plain(forward.at, &registry.to_string()).await.map_err(|error| lost(&error))?;
        let detour = Detour { registry: registry.clone(), at: forward.at };
        Ok((self.by(detour, plain)?, Some(forward)))
    }
}
