//! A control plane runs what it is given, survives an outage, and knows who acts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions, Part};
use tagger_testkit::kubectl::Kubectl;
use tokio::time::sleep;

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: default}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec: {containers: [{name: app, image: "registry.example/company/app:1"}]}
"#;

async fn start() -> ControlPlane {
    let assets = Assets::obtain().await.unwrap();
    ControlPlane::start(&assets, &ControlPlaneOptions::default()).await.unwrap()
}

/// The image of the first Pod with the label `app=app`, once there is one.
async fn image_of_pod(kubectl: &Kubectl) -> Result<Value> {
    let start = Instant::now();
    loop {
        let pods = kubectl.json(&["get", "pods", "--selector=app=app"]).await?;
        if let Some(image) = pods.pointer("/items/0/spec/containers/0/image") {
            return Ok(image.clone());
        }
        ensure!(start.elapsed() < Duration::from_secs(30), "no Pod came: {pods}");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_deployment_gets_a_pod_with_its_image() {
    let start_time = Instant::now();
    let control_plane = start().await;
    eprintln!("Kubernetes {} after {:?}", control_plane.version(), start_time.elapsed());
    let kubectl = control_plane.kubectl();
    kubectl.apply(DEPLOYMENT).await.unwrap();
    assert_eq!(image_of_pod(&kubectl).await.unwrap(), "registry.example/company/app:1");
    eprintln!("Pod after {:?}", start_time.elapsed());
}

#[tokio::test]
async fn objects_outlive_an_outage_of_the_api_server() {
    let control_plane = start().await;
    let kubectl = control_plane.kubectl();
    control_plane.stop_api_server().unwrap();
    assert!(kubectl.run(&["get", "namespaces", "--request-timeout=2s"]).await.is_err());
    control_plane.start_api_server().await.unwrap();
    // The controllers find their way back without help.
    kubectl.apply_server_side(DEPLOYMENT).await.unwrap();
    image_of_pod(&kubectl).await.unwrap();
    control_plane.kill_part(Part::Etcd).unwrap();
    control_plane.start_part(Part::Etcd).unwrap();
    control_plane.wait_until_ready().await.unwrap();
    image_of_pod(&kubectl).await.unwrap();
}

#[tokio::test]
async fn an_identity_has_the_rights_of_its_user_and_of_each_group() {
    let control_plane = start().await;
    let kubectl = control_plane.kubectl();
    for (role, resource, subject) in [
        ("by-name", "configmaps", "--serviceaccount=tagger:tagger"),
        ("by-all-accounts", "services", "--group=system:serviceaccounts"),
        ("by-namespace", "pods", "--group=system:serviceaccounts:tagger"),
    ] {
        kubectl
            .run(&["create", "clusterrole", role, "--verb=list", &format!("--resource={resource}")])
            .await
            .unwrap();
        kubectl
            .run(&["create", "clusterrolebinding", role, &format!("--clusterrole={role}"), subject])
            .await
            .unwrap();
    }
    let kubeconfig = control_plane.kubeconfig_for_service_account("tagger", "tagger").unwrap();
    let account = Kubectl::new(&kubectl.binary, kubeconfig);
    for resource in ["configmaps", "services", "pods"] {
        account.run(&["get", resource]).await.unwrap();
    }
    let refused = account.run(&["get", "secrets"]).await.unwrap_err().to_string();
    assert!(refused.contains("system:serviceaccount:tagger:tagger"), "{refused}");
}
