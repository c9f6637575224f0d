//! A real API server takes the registration, asks about what it should, and stores what it is answered.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tagger_admission::registration::{Endpoint, Registration};
use tagger_admission::router::{Settings, router};
use tagger_admission::server::{Limits, serve};
use tagger_api::index::TagIndex;
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};
use tokio::time::sleep;

const IMAGE: &str =
    "quay.io/company/myapp@sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// Serves the webhook on loopback, and says where, and with which certificate.
fn start(index: &Arc<TagIndex>) -> (Endpoint, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().self_signed(&key).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::Url(format!("https://{}", listener.local_addr().unwrap()));
    let router = router(Settings::new("tagger-system"), Arc::clone(index));
    tokio::spawn(serve(listener, Arc::new(tls), router, Limits::default(), std::future::pending()));
    (endpoint, certificate.pem())
}

fn workload(kind: &str, name: &str, image: &str) -> String {
    let pods = json!({ "containers": [{ "name": "app", "image": image }], "restartPolicy": "Never" });
    let metadata = json!({ "name": name, "namespace": "default", "annotations": { "image-tag": "true" } });
    let object = match kind {
        "Pod" => json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": pods }),
        "Job" => {
            json!({ "apiVersion": "batch/v1", "kind": kind, "metadata": metadata, "spec": { "template": { "spec": pods } } })
        }
        _ => json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name }, "annotations": { "image-tag": "true" } },
                "spec": { "containers": pods["containers"] },
            },
        } }),
    };
    object.to_string()
}

#[tokio::test]
async fn an_api_server_asks_and_stores_what_it_is_answered() {
    let control_plane =
        ControlPlane::start(&Assets::obtain().await.unwrap(), &ControlPlaneOptions::default()).await.unwrap();
    let kubectl = control_plane.kubectl();
    let index = Arc::new(TagIndex::default());
    index.set("default", "myapp", Some(IMAGE));
    index.set("default", "pending", None);
    index.retain(|_, _| true);
    let (endpoint, certificate) = start(&index);

    let registration = Registration { endpoint, namespace: "tagger-system".into() };
    let conditions = control_plane.version().minor >= 28;
    for (kind, configuration) in [
        (
            "Mutating",
            serde_json::to_value(registration.mutating(certificate.as_bytes(), conditions)).unwrap(),
        ),
        ("Validating", serde_json::to_value(registration.validating(certificate.as_bytes())).unwrap()),
    ] {
        assert_eq!(configuration["kind"], format!("{kind}WebhookConfiguration"));
        kubectl.apply(&configuration.to_string()).await.unwrap();
    }
    // The API server hears of its own webhooks by a watch.
    sleep(Duration::from_secs(2)).await;

    for (kind, pointer) in [
        ("Deployment", "/spec/template/spec/containers/0/image"),
        ("Job", "/spec/template/spec/containers/0/image"),
        ("Pod", "/spec/containers/0/image"),
    ] {
        let name = format!("a-{}", kind.to_lowercase());
        // The second time, the manifest is as it was, and so is what is stored.
        for _ in 0..2 {
            kubectl.apply(&workload(kind, &name, "myapp")).await.unwrap();
            let stored: Value = kubectl.json(&["get", kind, &name]).await.unwrap();
            assert_eq!(stored.pointer(pointer), Some(&json!(IMAGE)), "{kind}");
        }
    }
    let refused = kubectl.apply(&workload("Job", "late", "pending")).await.unwrap_err().to_string();
    assert!(refused.contains("kubectl wait --for=condition=Ready tag/pending -n default"), "{refused}");
    kubectl.apply(&workload("Deployment", "late", "pending")).await.unwrap();
    let stored: Value = kubectl.json(&["get", "deployment", "late"]).await.unwrap();
    let image = stored.pointer("/spec/template/spec/containers/0/image");
    assert_eq!(image, Some(&json!("tag.invalid/default/pending:pending")));
}
