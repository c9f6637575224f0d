//! A real API server, and what is looked at there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tagger_certificates::injection::{Build, Webhooks};
use tagger_certificates::keeper::{Keeper, Settings};
use tagger_certificates::secret::{CERTIFICATE, NAME, PREVIOUS};
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub const NAMESPACE: &str = "tagger-system";
pub const HOST: &str = "tagger.tagger-system.svc";

pub struct Cluster {
    pub control_plane: ControlPlane,
    pub client: Client,
}

impl Cluster {
    pub async fn start() -> Self {
        let assets = Assets::obtain().await.unwrap();
        let control_plane = ControlPlane::start(&assets, &ControlPlaneOptions::default()).await.unwrap();
        let kubeconfig = Kubeconfig::read_from(control_plane.kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        Self { control_plane, client: Client::try_from(config).unwrap() }
    }

    pub async fn create_namespace(&self) {
        let namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE } })).unwrap();
        Api::<Namespace>::all(self.client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    }

    pub fn keeper(&self) -> Keeper {
        self.keeper_with(None)
    }

    /// A keeper that takes its certificate from a folder.
    pub fn keeper_of(&self, folder: &Path) -> Keeper {
        self.keeper_with(Some(folder.to_owned()))
    }

    fn keeper_with(&self, folder: Option<PathBuf>) -> Keeper {
        let mut settings = Settings::new(NAMESPACE, vec![HOST.into()], build());
        settings.settle = Duration::from_millis(100);
        settings.folder = folder;
        Keeper::start(self.client.clone(), settings).unwrap()
    }

    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    pub fn registrations(&self) -> Api<MutatingWebhookConfiguration> {
        Api::all(self.client.clone())
    }

    /// What the Secret holds under a key.
    pub async fn secret(&self, key: &str) -> Option<String> {
        let data = self.secrets().get_opt(NAME).await.unwrap()?.data?;
        String::from_utf8(data.get(key)?.0.clone()).ok()
    }

    pub async fn registration(&self) -> Value {
        serde_json::to_value(self.registrations().get("tagger").await.unwrap()).unwrap()
    }

    /// The bundle that the API server was told to trust.
    pub async fn published(&self) -> String {
        let registration = self.registrations().get("tagger").await.unwrap();
        let config = registration.webhooks.unwrap().remove(0).client_config;
        String::from_utf8(config.ca_bundle.unwrap().0).unwrap()
    }

    /// Whether all is well: the keepers serve what the Secret's authority issued, and the API server trusts it.
    pub async fn is_whole(&self, keepers: &[&Keeper]) -> bool {
        let Some(certificate) = self.secret(CERTIFICATE).await else { return false };
        let previous = self.secret(PREVIOUS).await.unwrap_or_default();
        for keeper in keepers {
            if !is_trusted(keeper.tls(), &certificate).await {
                return false;
            }
        }
        // Behind these, what was trusted a moment ago may be for a while.
        self.published().await.starts_with(&(certificate + &previous))
    }
}

pub fn build() -> Build {
    Arc::new(|bundle, conditions| {
        let mut webhook = json!({
            "name": "workloads.images.io",
            "admissionReviewVersions": ["v1"],
            "clientConfig": { "url": "https://127.0.0.1:9443/mutate" },
            "failurePolicy": if conditions { "Fail" } else { "Ignore" },
            "rules": [{ "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"] }],
            "sideEffects": "None",
        });
        if conditions {
            webhook["matchConditions"] =
                json!([{ "name": "some", "expression": "has(object.metadata.annotations)" }]);
        }
        let with = |mut webhook: Value| {
            webhook["clientConfig"]["caBundle"] = json!(k8s_openapi::ByteString(bundle.as_bytes().to_vec()));
            json!({ "metadata": { "name": "tagger", "labels": { "app": "tagger" } }, "webhooks": [webhook] })
        };
        let mutating: MutatingWebhookConfiguration = serde_json::from_value(with(webhook.clone())).unwrap();
        webhook.as_object_mut().unwrap().remove("matchConditions");
        webhook["failurePolicy"] = json!("Ignore");
        let validating: ValidatingWebhookConfiguration = serde_json::from_value(with(webhook)).unwrap();
        Webhooks { mutating, validating }
    })
}

pub async fn is_trusted(tls: Arc<ServerConfig>, authority: &str) -> bool {
    served(tls, authority).await.is_some()
}

/// The certificate that somebody is served who trusts this authority.
pub async fn served(tls: Arc<ServerConfig>, authority: &str) -> Option<CertificateDer<'static>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (here, there) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from(HOST).unwrap();
    let client = TlsConnector::from(Arc::new(config));
    let (client, server) = tokio::join!(client.connect(name, here), TlsAcceptor::from(tls).accept(there));
    server.ok()?;
    client.ok()?.get_ref().1.peer_certificates()?.first().cloned()
}

pub async fn is_ready(keeper: &Keeper) -> bool {
    let mut ready = keeper.ready();
    timeout(Duration::from_secs(60), ready.wait_for(|ready| *ready)).await.is_ok_and(|ready| ready.is_ok())
}

/// Waits until something holds, for as long as one would wait on a busy machine.
pub async fn soon(what: &str, holds: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(40), "{what}: not in time");
        sleep(Duration::from_millis(100)).await;
    }
}
