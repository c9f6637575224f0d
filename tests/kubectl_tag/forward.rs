//! Registries that only the cluster can reach.

use serde_json::{Value, json};
use tagger_testkit::image::Image;
use tagger_testkit::kubelet::Kubelet;

use crate::plugin::{Plugin, steady};
use crate::support::{Namespace, World, eventually};

/// The world's registry as a Pod of the namespace, behind a Service `registry` at port 5000.
async fn in_cluster(here: &Namespace<'_>, kubelet: &Kubelet) {
    let port: u16 = here.world.registry.address().rsplit(':').next().unwrap().parse().unwrap();
    let node = format!("node-of-{}", here.name);
    here.with_input(&["create", "-f", "-"], &kubelet.node(&node)).await.unwrap();
    let labels = json!({ "app": "registry" });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "registry" },
        "spec": { "selector": labels, "ports": [{ "port": 5000, "targetPort": port }] },
    });
    here.apply(&service).await.unwrap();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "registry-0", "labels": labels },
        "spec": {
            "nodeName": node, "tolerations": [{ "operator": "Exists" }],
            "containers": [{ "name": "registry", "image": "registry.example/registry" }],
        },
    });
    here.apply(&pod).await.unwrap();
    become_ready(here, "registry-0").await;
    eventually("an endpoint of the registry", || async {
        let endpoints = here.get("endpoints", "registry").await?;
        endpoints.pointer("/subsets/0/addresses/0").map(|_| ())
    })
    .await;
}

/// Says of a Pod what its kubelet would.
async fn become_ready(here: &Namespace<'_>, pod: &str) {
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/status", here.name);
    eventually("the Pod's status written", || async {
        let mut object = here.get("pod", pod).await?;
        object["status"] = json!({
            "phase": "Running", "podIP": "10.1.2.3", "podIPs": [{ "ip": "10.1.2.3" }],
            "conditions": [{ "type": "Ready", "status": "True" }],
        });
        here.with_input(&["replace", "--raw", &path, "-f", "-"], &object).await.ok()
    })
    .await;
}

#[test]
fn a_registry_behind_a_service_is_reached_through_a_port_forward_of_its_own() {
    crate::support::run(async {
        let world = World::shared().await;
        let here = Namespace::new(world, "forward").await;
        let kubelet = Kubelet::start().await.unwrap();
        in_cluster(&here, &kubelet).await;
        let pushed = Image::single(1).push(&world.registry, "inside/myapp", "latest").await.unwrap();
        let inside = format!("registry.{}.svc.cluster.local:5000", here.name);
        // The operator is in no Pod here, so it has nothing of it.
        let tag = here.tag("myapp", json!({ "from": format!("{inside}/inside/myapp:latest") }));
        here.apply(&tag).await.unwrap();

        let plugin = Plugin::new(&here);
        let told: Value = plugin.json(&["outdated"]).await;
        assert_eq!(told[0]["registry"]["digest"], pushed.digest.as_str());
        let _steady = steady(&here);
        insta::assert_snapshot!("forward_outdated", plugin.text(&["outdated"]).await);
        assert_eq!(plugin.text(&["list-tags", &format!("{inside}/inside/myapp")]).await, "latest\n");
        let asked = kubelet.forwarded();
        let path = format!("/portForward/{}/registry-0?", here.name);
        assert!(!asked.is_empty() && asked.iter().all(|asked| asked.starts_with(&path)), "{asked:?}");
    });
}

#[test]
fn a_registry_behind_a_service_that_leads_nowhere_is_told() {
    crate::support::run(async {
        let here = Namespace::new(World::shared().await, "nowhere").await;
        let plugin = Plugin::new(&here);
        let list = async |host: &str| {
            let ended = plugin.run(&["list-tags", &format!("{host}.{}.svc:5000/a/b", here.name)]).await;
            assert_eq!(ended.code, 1);
            ended.stderr
        };
        let _steady = steady(&here);
        insta::assert_snapshot!("forward_no_service", list("nothing").await);
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "registry" },
            "spec": { "selector": { "app": "registry" }, "ports": [{ "port": 80 }] },
        });
        here.apply(&service).await.unwrap();
        insta::assert_snapshot!("forward_no_port", list("registry").await);
        let patch = r#"[{"op":"replace","path":"/spec/ports/0/port","value":5000}]"#;
        here.kubectl(&["patch", "service", "registry", "--type=json", "-p", patch]).await.unwrap();
        insta::assert_snapshot!("forward_no_pod", list("registry").await);
    });
}
