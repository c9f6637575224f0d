//! A registry to mirror into, for clusters that have none: CNCF distribution, beside the operator.

use anyhow::Result;
use serde_json::{Value, json};

use super::{TAGGER, named};

const NAME: &str = "tagger-cache";
/// The release that is run; its image is on docker.io.
const IMAGE: &str = "docker.io/library/registry:2.8.3";
/// Where Tagger pushes to.
const PUSH: u16 = 5000;
/// Where nodes pull from: the same storage, which can't be written from there.
const PULL: u16 = 5001;
/// The port of each node at which nodes reach it. Container runtimes take `localhost` for a registry without TLS.
const NODE: u16 = 30500;

/// All that runs the registry, and the ConfigMap of KEP-1755 that tells Tagger of it.
pub(super) fn objects() -> Result<Vec<Value>> {
    let labels = json!({ "app.kubernetes.io/name": NAME });
    let service =
        |kind: &str, port: Value| json!({ "spec": { "type": kind, "selector": labels, "ports": [port] } });
    let claim = json!({ "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": { "requests": { "storage": "50Gi" } },
    }});
    let configurations = json!({ "data": {
        "push.yml": serde_yaml_ng::to_string(&configuration(PUSH, false))?,
        "pull.yml": serde_yaml_ng::to_string(&configuration(PULL, true))?,
    }});
    let deployment = json!({ "spec": {
        "replicas": 1,
        // The volume is one Pod's at a time.
        "strategy": { "type": "Recreate" },
        "selector": { "matchLabels": labels },
        "template": { "metadata": { "labels": labels }, "spec": pod() },
    }});
    let tagger = json!({ "podSelector": { "matchLabels": { "app.kubernetes.io/name": TAGGER } } });
    let policy = json!({ "spec": {
        "podSelector": { "matchLabels": labels },
        "policyTypes": ["Ingress"],
        "ingress": [
            { "from": [tagger], "ports": [{ "port": PUSH }] },
            { "ports": [{ "port": PULL }] },
        ],
    }});
    let push = service("ClusterIP", json!({ "name": "push", "port": PUSH, "targetPort": "push" }));
    let pull =
        service("NodePort", json!({ "name": "pull", "port": PULL, "targetPort": "pull", "nodePort": NODE }));
    let hosting = json!({ "data": { "localRegistryHosting.v1": serde_yaml_ng::to_string(&json!({
        "host": format!("localhost:{NODE}"),
        "hostFromContainerRuntime": format!("localhost:{NODE}"),
        "hostFromClusterNetwork": format!("{NAME}.{TAGGER}.svc:{PUSH}"),
    }))? }});
    Ok(vec![
        named("PersistentVolumeClaim", "v1", Some(TAGGER), NAME, claim),
        named("ConfigMap", "v1", Some(TAGGER), NAME, configurations),
        named("Deployment", "apps/v1", Some(TAGGER), NAME, deployment),
        named("Service", "v1", Some(TAGGER), NAME, push),
        named("Service", "v1", Some(TAGGER), "tagger-cache-pull", pull),
        named("NetworkPolicy", "networking.k8s.io/v1", Some(TAGGER), NAME, policy),
        named("ConfigMap", "v1", Some("kube-public"), "local-registry-hosting", hosting),
    ])
}

/// Two processes on one volume: who may pull may not push, with no password to hand out.
fn pod() -> Value {
    let container = |name: &str, port: u16, read_only: bool| {
        json!({
            "name": name,
            "image": IMAGE,
            "args": ["serve", format!("/etc/tagger-cache/{name}.yml")],
            "ports": [{ "name": name, "containerPort": port }],
            "readinessProbe": { "httpGet": { "path": "/", "port": name } },
            "livenessProbe": { "httpGet": { "path": "/", "port": name } },
            "resources": { "requests": { "cpu": "50m", "memory": "64Mi" }, "limits": { "memory": "512Mi" } },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
                "readOnlyRootFilesystem": true,
            },
            "volumeMounts": [
                { "name": "storage", "mountPath": "/var/lib/registry", "readOnly": read_only },
                { "name": "configuration", "mountPath": "/etc/tagger-cache", "readOnly": true },
            ],
        })
    };
    json!({
        "automountServiceAccountToken": false,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [container("push", PUSH, false), container("pull", PULL, true)],
        "volumes": [
            { "name": "storage", "persistentVolumeClaim": { "claimName": NAME } },
            { "name": "configuration", "configMap": { "name": NAME } },
        ],
    })
}

/// The configuration of one process, by CNCF distribution.
fn configuration(port: u16, read_only: bool) -> Value {
    let mut configuration = json!({
        "version": "0.1",
        "log": { "level": "warn", "accesslog": { "disabled": true } },
        "storage": {
            "filesystem": { "rootdirectory": "/var/lib/registry" },
            // Tagger removes what no generation is any more.
            "delete": { "enabled": !read_only },
            "maintenance": { "readonly": { "enabled": read_only } },
        },
        "http": { "addr": format!(":{port}") },
    });
    if read_only {
        configuration["storage"]["maintenance"]["uploadpurging"] = json!({ "enabled": false });
    }
    configuration
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_pull_where_nothing_can_be_written() {
        let pull = configuration(PULL, true);
        assert_eq!(pull["storage"]["maintenance"]["readonly"]["enabled"], json!(true));
        assert_eq!(pull["storage"]["delete"]["enabled"], json!(false));
        let pod = pod();
        assert_eq!(pod["containers"][1]["volumeMounts"][0]["readOnly"], json!(true));
        let node_port =
            objects().unwrap().into_iter().find(|object| object["spec"]["type"] == "NodePort").unwrap();
        assert_eq!(node_port["spec"]["ports"][0]["targetPort"], json!("pull"));
    }
}
