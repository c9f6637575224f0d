//! On a real API server: one authority for all replicas, and whatever is broken heals with no person.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tagger_certificates::authority::Authority;
use tagger_certificates::injection::{self, Build, Webhooks};
use tagger_certificates::keeper::{Keeper, Settings};
use tagger_certificates::secret::{CERTIFICATE, KEY, NAME, PREVIOUS};
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const NAMESPACE: &str = "tagger-system";
const HOST: &str = "tagger.tagger-system.svc";

struct Cluster {
    control_plane: ControlPlane,
    client: Client,
}

impl Cluster {
    async fn start() -> Self {
        let assets = Assets::obtain().await.unwrap();
        let control_plane = ControlPlane::start(&assets, &ControlPlaneOptions::default()).await.unwrap();
        let kubeconfig = Kubeconfig::read_from(control_plane.kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        Self { control_plane, client: Client::try_from(config).unwrap() }
    }

    async fn create_namespace(&self) {
        let namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE } })).unwrap();
        Api::<Namespace>::all(self.client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    }

    fn keeper(&self) -> Keeper {
        let mut settings = Settings::new(NAMESPACE, vec![HOST.into()], build());
        settings.settle = Duration::from_millis(100);
        Keeper::start(self.client.clone(), settings).unwrap()
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    fn registrations(&self) -> Api<MutatingWebhookConfiguration> {
        Api::all(self.client.clone())
    }

    /// What the Secret holds under a key.
    async fn secret(&self, key: &str) -> Option<String> {
        let data = self.secrets().get_opt(NAME).await.unwrap()?.data?;
        String::from_utf8(data.get(key)?.0.clone()).ok()
    }

    async fn registration(&self) -> Value {
        serde_json::to_value(self.registrations().get("tagger").await.unwrap()).unwrap()
    }

    /// The bundle that the API server was told to trust.
    async fn published(&self) -> String {
        let registration = self.registrations().get("tagger").await.unwrap();
        let config = registration.webhooks.unwrap().remove(0).client_config;
        String::from_utf8(config.ca_bundle.unwrap().0).unwrap()
    }

    /// Whether all is well: the keepers serve what the Secret's authority issued, and the API server trusts it.
    async fn is_whole(&self, keepers: &[&Keeper]) -> bool {
        let Some(certificate) = self.secret(CERTIFICATE).await else { return false };
        let previous = self.secret(PREVIOUS).await.unwrap_or_default();
        for keeper in keepers {
            if !is_trusted(keeper.tls(), &certificate).await {
                return false;
            }
        }
        self.published().await == certificate + &previous
    }
}

fn build() -> Build {
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

async fn is_trusted(tls: Arc<ServerConfig>, authority: &str) -> bool {
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
    client.is_ok() && server.is_ok()
}

async fn is_ready(keeper: &Keeper) -> bool {
    let mut ready = keeper.ready();
    timeout(Duration::from_secs(60), ready.wait_for(|ready| *ready)).await.is_ok_and(|ready| ready.is_ok())
}

/// Waits until something holds, for as long as one would wait on a busy machine.
async fn soon(what: &str, holds: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(40), "{what}: not in time");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn replicas_share_one_authority_which_heals() {
    let cluster = Cluster::start().await;
    cluster.create_namespace().await;
    let (one, other) = (cluster.keeper(), cluster.keeper());
    assert!(is_ready(&one).await && is_ready(&other).await);
    let first = cluster.secret(CERTIFICATE).await.unwrap();
    assert!(cluster.is_whole(&[&one, &other]).await, "of two that found nothing, one made the authority");
    assert!(cluster.secret(PREVIOUS).await.unwrap().is_empty());

    cluster.secrets().delete(NAME, &DeleteParams::default()).await.unwrap();
    soon("a deleted Secret", async || cluster.is_whole(&[&one, &other]).await).await;
    let second = cluster.secret(CERTIFICATE).await.unwrap();
    assert_ne!(second, first);
    assert!(cluster.published().await.contains(&first), "the one before stays trusted for a while");

    for (key, value) in [(CERTIFICATE, "rubbish"), (KEY, "")] {
        let before = cluster.secret(CERTIFICATE).await.unwrap();
        let damage = json!({ "stringData": { key: value } });
        cluster.secrets().patch(NAME, &PatchParams::default(), &Patch::Merge(damage)).await.unwrap();
        soon("a damaged Secret", async || {
            cluster.secret(CERTIFICATE).await.is_some_and(|now| now != before && now != "rubbish")
                && cluster.is_whole(&[&one, &other]).await
        })
        .await;
        assert!(cluster.published().await.contains(&before), "the one before stays trusted for a while");
    }

    let before = cluster.secret(CERTIFICATE).await.unwrap();
    let expired = Authority::generate(Timestamp::now() - SignedDuration::from_hours(11 * 365 * 24)).unwrap();
    let aged = json!({ "stringData": { CERTIFICATE: expired.certificate(), KEY: expired.key() } });
    cluster.secrets().patch(NAME, &PatchParams::default(), &Patch::Merge(aged)).await.unwrap();
    soon("an expired Secret", async || {
        cluster.secret(CERTIFICATE).await.is_some_and(|now| now != before && now != expired.certificate())
            && cluster.is_whole(&[&one, &other]).await
    })
    .await;
    let published = cluster.published().await;
    assert!(published.contains(&before), "the one that was served stays trusted for a while");
    assert!(!published.contains(expired.certificate()), "the expired one is trusted no more");
}

#[tokio::test]
async fn the_registration_is_put_right_and_fails_closed_only_where_it_is_narrowed_down() {
    let cluster = Cluster::start().await;
    cluster.create_namespace().await;
    let keeper = cluster.keeper();
    assert!(is_ready(&keeper).await);
    let narrows = cluster.control_plane.version().minor >= 28;
    let policy = if narrows { "Fail" } else { "Ignore" };
    assert_eq!(cluster.registration().await["webhooks"][0]["failurePolicy"], policy);
    assert_eq!(cluster.registration().await["webhooks"][0]["matchConditions"].is_array(), narrows);

    let rest = cluster.registration().await["metadata"]["resourceVersion"].take();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(
        cluster.registration().await["metadata"]["resourceVersion"],
        rest,
        "what is right is not written"
    );

    let meddled = json!({ "metadata": { "labels": { "team": "a" } }, "webhooks": [] });
    let params = PatchParams::default();
    cluster.registrations().patch("tagger", &params, &Patch::Merge(meddled)).await.unwrap();
    soon("a meddled registration", async || {
        cluster.registration().await["webhooks"][0]["failurePolicy"] == policy
            && cluster.is_whole(&[&keeper]).await
    })
    .await;
    assert_eq!(cluster.registration().await["metadata"]["labels"], json!({ "app": "tagger", "team": "a" }));

    cluster.registrations().delete("tagger", &DeleteParams::default()).await.unwrap();
    soon("a deleted registration", async || {
        cluster.registrations().get_opt("tagger").await.unwrap().is_some()
    })
    .await;

    // Whatever a server's version promises, nothing fails closed unless it keeps what narrows it down.
    drop(keeper);
    let bundle = cluster.published().await;
    assert_eq!(injection::publish(&cluster.client, &build(), &bundle, true).await.unwrap(), narrows);
    assert_eq!(cluster.registration().await["webhooks"][0]["failurePolicy"], policy);
}

#[tokio::test]
async fn a_start_without_a_namespace_or_an_api_server_is_made_up_for() {
    let cluster = Cluster::start().await;
    let early = cluster.keeper();
    sleep(Duration::from_secs(2)).await;
    assert!(!*early.ready().borrow());
    cluster.create_namespace().await;
    assert!(is_ready(&early).await);

    cluster.control_plane.stop_api_server().unwrap();
    let late = cluster.keeper();
    sleep(Duration::from_secs(1)).await;
    assert!(!*late.ready().borrow());
    assert!(*early.ready().borrow(), "what is served and trusted goes on");
    cluster.control_plane.start_api_server().await.unwrap();
    assert!(is_ready(&late).await);
    assert!(cluster.is_whole(&[&early, &late]).await);
}
