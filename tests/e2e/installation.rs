//! Installing, upgrading and uninstalling, by kubectl and by Helm's own code.

use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::{ControlPlane, ControlPlaneOptions};
use tagger_testkit::helm::Helm;
use tagger_testkit::registry::{Registry, RegistryOptions};

use crate::support::{World, a_moment, eventually, manifests, run};

/// What tells the API server of the webhook.
const REGISTRATIONS: [&str; 2] = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"];

async fn control_plane(assets: &Assets) -> ControlPlane {
    ControlPlane::start(assets, &ControlPlaneOptions::default()).await.unwrap()
}

/// An object without a namespace, or in that of Tagger.
async fn get(control_plane: &ControlPlane, kind: &str, name: &str) -> Option<Value> {
    control_plane.kubectl().json(&["get", kind, name, "--namespace", "tagger"]).await.ok()
}

/// What is unlike in the one file that servers before 1.21 know nothing of, or nothing.
fn but_for_old_servers(control_plane: &ControlPlane, applied: anyhow::Result<String>) {
    match control_plane.version().minor < 21 {
        true => {
            let error = applied.unwrap_err().to_string();
            let refused: Vec<&str> =
                error.lines().filter(|line| line.contains("no matches for kind")).collect();
            assert_eq!(refused.len(), 1, "{error}");
            assert!(refused[0].contains("PodDisruptionBudget"), "{error}");
        }
        false => drop(applied.unwrap()),
    }
}

#[test]
fn the_manifests_are_applied_as_a_folder_and_as_a_kustomization_on_a_bare_cluster() {
    run(async {
        let assets = Assets::obtain().await.unwrap();
        for how in ["--filename", "--kustomize"] {
            let control_plane = control_plane(&assets).await;
            let kubectl = control_plane.kubectl();
            let folder = manifests().display().to_string();
            // Old servers do not know all that the definition says.
            let words = ["apply", "--validate=false", how, &folder];
            but_for_old_servers(&control_plane, kubectl.run(&words).await);
            but_for_old_servers(&control_plane, kubectl.run(&words).await);
            kubectl.run(&["wait", "--for=condition=Established", "crd/tags.images.io"]).await.unwrap();
            for (kind, name) in
                [("service", "tagger-admission"), ("service", "quay-webhooks"), ("networkpolicy", "tagger")]
            {
                assert!(get(&control_plane, kind, name).await.is_some(), "{how}: {kind} {name}");
            }
            // No node runs them; what counts is that the Pods are let in.
            eventually("two Pods of Tagger", || async {
                let pods = kubectl.json(&["get", "pods", "--namespace", "tagger"]).await.unwrap();
                (pods["items"].as_array().unwrap().len() == 2).then_some(())
            })
            .await;
        }
    });
}

#[test]
fn helm_installs_upgrades_and_takes_everything_away_that_would_block_anybody() {
    run(async {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, helm) = (control_plane(&assets).await, Helm::obtain().unwrap());
        let registry = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
        let chart = manifests().join("../charts/tagger").canonicalize().unwrap();
        let kubeconfig = control_plane.kubeconfig().to_owned();
        // The Pods would wait for a node; the operator runs beside the cluster, with the rights that the chart gives.
        let values = |labels: Value| json!({ "replicas": 0, "commonLabels": labels });
        helm.install(&kubeconfig, "tagger", &chart, &values(json!({}))).unwrap();
        let operator = World::operator(&control_plane, &registry, &[]).await;
        let mut registered = Vec::new();
        for kind in REGISTRATIONS {
            let registration = get(&control_plane, kind, "tagger").await.unwrap();
            let owner = &registration["metadata"]["ownerReferences"][0];
            let role = get(&control_plane, "clusterrole", "tagger").await.unwrap();
            assert_eq!(
                (&owner["kind"], &owner["uid"]),
                (&json!("ClusterRole"), &role["metadata"]["uid"]),
                "{kind}"
            );
            assert!(registration["webhooks"][0]["clientConfig"]["caBundle"].is_string(), "{kind}");
            registered.push((kind, registration["metadata"]["resourceVersion"].clone()));
        }

        helm.upgrade(&kubeconfig, "tagger", &chart, &values(json!({ "team": "platform" }))).unwrap();
        let deployment = get(&control_plane, "deployment", "tagger").await.unwrap();
        assert_eq!(deployment["metadata"]["labels"]["team"], "platform");
        for (kind, version) in registered {
            let now = get(&control_plane, kind, "tagger").await.unwrap();
            assert_eq!(now["metadata"]["resourceVersion"], version, "an upgrade leaves the {kind} alone");
        }

        helm.uninstall(&kubeconfig, "tagger").unwrap();
        for kind in REGISTRATIONS {
            eventually("the registration is gone", || async {
                get(&control_plane, kind, "tagger").await.is_none().then_some(())
            })
            .await;
        }
        // A process that still runs has no right to register again.
        a_moment().await;
        operator.stop().unwrap();
        for kind in REGISTRATIONS {
            assert!(get(&control_plane, kind, "tagger").await.is_none(), "{kind}");
        }
        assert!(get(&control_plane, "crd", "tags.images.io").await.is_some(), "the Tags are not thrown away");
        for kind in
            ["deployment", "clusterrole", "clusterrolebinding", "serviceaccount", "service", "priorityclass"]
        {
            assert!(get(&control_plane, kind, "tagger").await.is_none(), "{kind}");
        }

        helm.install(&kubeconfig, "tagger", &chart, &values(json!({}))).unwrap();
    });
}
