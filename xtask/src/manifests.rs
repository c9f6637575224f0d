//! The files in `manifests/`, and the pages of the reference with them: made from the code, checked for drift.

mod cache_registry;

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::reference;

/// Tagger's own namespace, and the name of most of what is in it.
const TAGGER: &str = "tagger";

/// The right to read the credentials of namespaces.
const CREDENTIALS: &str = "tagger-credentials";

/// The Secret of what registries authenticate their notifications with, and the Service that they come in at.
const RECEIVER: &str = "tagger-receiver";

/// A file of `manifests/`: its name, and the objects in it.
struct File {
    name: &'static str,
    about: &'static str,
    objects: Vec<Value>,
}

/// Writes the files, or with `check` says which of them are not what the code makes.
pub(crate) fn generate(root: &Path, check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (name, text) in all()? {
        let path = root.join(&name);
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        match check {
            true => stale.push(name),
            false => {
                let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
                folder
                    .and_then(|()| std::fs::write(&path, text))
                    .with_context(|| format!("{} can't be written", path.display()))?;
                println!("wrote {name}");
            }
        }
    }
    match stale.is_empty() {
        true => Ok(()),
        false => bail!("not what the code makes: {}; run `cargo xtask generate`", stale.join(", ")),
    }
}

/// All that is generated: the path of each file in the checkout, and its text.
fn all() -> Result<Vec<(String, String)>> {
    let manifests = files()?.into_iter().map(|file| Ok((format!("manifests/{}", file.name), file.text()?)));
    manifests.chain(reference::pages()?.into_iter().chain(reference::manuals()?).map(Ok)).collect()
}

impl File {
    fn text(&self) -> Result<String> {
        let mut text =
            format!("# {}\n# Made by `cargo xtask generate`; edit the code, not this file.\n", self.about);
        for object in &self.objects {
            text.push_str("---\n");
            text.push_str(&serde_yaml_ng::to_string(object)?);
        }
        Ok(text)
    }
}

fn files() -> Result<Vec<File>> {
    Ok(vec![
        File {
            name: "00_crd.yaml",
            about: "The Tag resource.",
            objects: vec![serde_json::to_value(tagger_api::crd::definition())?],
        },
        File {
            name: "01_rbac.yaml",
            about: "Tagger's namespace, its account, and all that the account may do.",
            objects: rights(),
        },
        File {
            name: "02_admission.yaml",
            about: "Where the webhook is reached. The configurations are empty: Tagger writes itself into them when it can answer.",
            objects: admission(),
        },
        File {
            name: "03_receiver.yaml",
            about: "Where push notifications come in: those of all registries, and apart from them those of Docker Hub and of Quay.",
            objects: receiver(),
        },
        File {
            name: "cache/registry.yaml",
            about: "Not needed: a registry for Tags with cache: true, in a cluster that has none. See docs/guides/cache.md.",
            objects: cache_registry::objects()?,
        },
    ])
}

fn named(kind: &str, api_version: &str, namespace: Option<&str>, name: &str, more: Value) -> Value {
    let mut metadata = json!({ "name": name, "labels": { "app.kubernetes.io/name": TAGGER } });
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    let mut object = json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata });
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
}

fn rule_for(group: &str, resources: &[&str], names: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "resourceNames": names, "verbs": verbs })
}

fn rights() -> Vec<Value> {
    const RBAC: &str = "rbac.authorization.k8s.io/v1";
    let configurations = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
    let cluster = json!({ "rules": [
        rule("images.io", &["tags"], &["get", "list", "watch", "patch"]),
        rule("images.io", &["tags/status"], &["update"]),
        rule("apps", &["deployments", "statefulsets", "daemonsets", "replicasets"], &["get", "list", "watch", "patch"]),
        rule("batch", &["cronjobs"], &["get", "list", "watch", "patch"]),
        rule("batch", &["jobs"], &["get", "list", "watch"]),
        rule("", &["pods"], &["get", "list", "watch", "patch"]),
        rule("events.k8s.io", &["events"], &["create"]),
        rule("admissionregistration.k8s.io", &configurations, &["create"]),
        rule_for("admissionregistration.k8s.io", &configurations, &[TAGGER], &["get", "list", "watch", "update"]),
    ]});
    let secret = tagger_certificates::secret::NAME;
    let own = json!({ "rules": [
        rule("", &["secrets"], &["create"]),
        rule_for("", &["secrets"], &[secret], &["get", "list", "watch", "update"]),
        rule_for("", &["secrets"], &[RECEIVER], &["get", "list", "watch"]),
        rule("coordination.k8s.io", &["leases"], &["create"]),
        rule_for("coordination.k8s.io", &["leases"], &[TAGGER], &["get", "update"]),
    ]});
    // Apart from the rest, so that it can be bound in some namespaces only.
    let credentials = json!({ "rules": [
        rule("", &["secrets"], &["list"]),
        rule_for("", &["serviceaccounts"], &["default"], &["get"]),
    ]});
    let hosting = json!({ "rules": [rule_for("", &["configmaps"], &["local-registry-hosting"], &["get"])] });
    let binding = |kind: &str, name: &str| {
        json!({
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": TAGGER, "namespace": TAGGER }],
        })
    };
    vec![
        named("Namespace", "v1", None, TAGGER, json!({})),
        named("ServiceAccount", "v1", Some(TAGGER), TAGGER, json!({})),
        named("ClusterRole", RBAC, None, TAGGER, cluster),
        named("ClusterRoleBinding", RBAC, None, TAGGER, binding("ClusterRole", TAGGER)),
        named("ClusterRole", RBAC, None, CREDENTIALS, credentials),
        named("ClusterRoleBinding", RBAC, None, CREDENTIALS, binding("ClusterRole", CREDENTIALS)),
        named("Role", RBAC, Some(TAGGER), TAGGER, own),
        named("RoleBinding", RBAC, Some(TAGGER), TAGGER, binding("Role", TAGGER)),
        named("Role", RBAC, Some("kube-public"), TAGGER, hosting),
        named("RoleBinding", RBAC, Some("kube-public"), TAGGER, binding("Role", TAGGER)),
    ]
}

fn admission() -> Vec<Value> {
    const REGISTRATION: &str = "admissionregistration.k8s.io/v1";
    let service = json!({ "spec": {
        "selector": { "app.kubernetes.io/name": TAGGER },
        "ports": [{ "name": "https", "port": 443, "targetPort": "admission" }],
    }});
    vec![
        named("Service", "v1", Some(TAGGER), "tagger-admission", service),
        named("MutatingWebhookConfiguration", REGISTRATION, None, TAGGER, json!({})),
        named("ValidatingWebhookConfiguration", REGISTRATION, None, TAGGER, json!({})),
    ]
}

/// Each Service leads to a port that serves nothing else, so that whoever exposes one of them exposes no other.
fn receiver() -> Vec<Value> {
    let service = |name: &str, port: &str| {
        let spec = json!({ "spec": {
            "selector": { "app.kubernetes.io/name": TAGGER },
            "ports": [{ "name": "http", "port": 80, "targetPort": port }],
        }});
        named("Service", "v1", Some(TAGGER), name, spec)
    };
    vec![
        service(RECEIVER, "receiver"),
        service("docker-webhooks", "docker-webhooks"),
        service("quay-webhooks", "quay-webhooks"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_right_is_a_wildcard() {
        for object in rights() {
            for rule in object["rules"].as_array().into_iter().flatten() {
                for field in ["apiGroups", "resources", "verbs"] {
                    let values = rule[field].as_array().unwrap();
                    assert!(!values.is_empty() && values.iter().all(|value| value != "*"), "{rule}");
                }
            }
        }
    }

    #[test]
    fn secrets_are_listed_by_a_role_of_its_own_and_none_is_watched_outside_of_taggers_namespace() {
        let about_secrets = |object: &Value| {
            let rules = object["rules"].as_array().into_iter().flatten();
            let verbs = rules
                .filter(|rule| rule["resources"] == json!(["secrets"]))
                .map(|rule| rule["verbs"].clone());
            verbs.collect::<Vec<_>>()
        };
        for object in rights().iter().filter(|object| object["kind"] == "ClusterRole") {
            let expected =
                if object["metadata"]["name"] == CREDENTIALS { vec![json!(["list"])] } else { vec![] };
            assert_eq!(about_secrets(object), expected, "{object}");
        }
    }

    #[test]
    fn each_service_of_the_receiver_leads_to_a_port_of_its_own() {
        let ports: std::collections::BTreeSet<_> =
            receiver().iter().map(|service| service["spec"]["ports"][0]["targetPort"].to_string()).collect();
        assert_eq!(ports.len(), receiver().len());
    }

    #[test]
    fn the_files_are_named_in_the_order_they_are_applied() {
        let names: Vec<&str> = files().unwrap().iter().map(|file| file.name).collect();
        assert!(names.is_sorted());
    }
}
