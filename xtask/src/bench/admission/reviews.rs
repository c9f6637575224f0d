//! Reviews as an API server sends them: Deployments as people apply them, with all that the server adds.

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};
use tagger_api::annotations::{FOLLOWS, IMAGE_TAG};

use crate::bench::farm;

/// A body to send, and whether its answer must bear a patch.
#[derive(Clone, Debug)]
pub(super) struct Review {
    pub(super) body: Bytes,
    pub(super) is_rewritten: bool,
}

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// A new Deployment that names Tags: it is rewritten.
    Created,
    /// One that was applied again without a change of its images: it has the images and is left alone.
    Updated,
    /// One that nobody annotated: old servers ask about it as well.
    NotOurs,
}

/// So many reviews of Deployments in a namespace with so many Tags. Half are rewritten, a quarter are updates, and a quarter is none
/// of Tagger's business. `reference` tells the image of a Tag.
pub(super) fn reviews(
    count: usize,
    namespace: &str,
    tags: usize,
    reference: impl Fn(usize) -> String,
) -> Result<Vec<Review>> {
    let cases = [Case::Created, Case::Updated, Case::Created, Case::NotOurs];
    let review = |number: usize| {
        let case = cases[number % cases.len()];
        let names: Vec<usize> =
            (0..2 + number % 2).map(|container| (number * 3 + container) % tags).collect();
        let request = request(case, number, namespace, &names, &reference);
        let review =
            json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request });
        Ok(Review { body: serde_json::to_vec(&review)?.into(), is_rewritten: case == Case::Created })
    };
    (0..count).map(review).collect()
}

fn request(
    case: Case,
    number: usize,
    namespace: &str,
    tags: &[usize],
    reference: &impl Fn(usize) -> String,
) -> Value {
    let is_update = case == Case::Updated;
    let image = |tag: &usize| if is_update { reference(*tag) } else { farm::name(*tag) };
    let images: Vec<String> = tags.iter().map(image).collect();
    let mut object = deployment(&format!("shop-{number}"), namespace, &images);
    let annotations = &mut object["metadata"]["annotations"];
    if case != Case::NotOurs {
        annotations[IMAGE_TAG] = json!("true");
    }
    if is_update {
        let follow = |(container, tag): (usize, &usize)| {
            (container_name(container), json!({ "tag": farm::name(*tag), "image": reference(*tag) }))
        };
        let record: Value = tags.iter().enumerate().map(follow).collect::<serde_json::Map<_, _>>().into();
        annotations[FOLLOWS] = json!(record.to_string());
    }
    let old = is_update.then(|| {
        let mut old = object.clone();
        old["spec"]["replicas"] = json!(2);
        old
    });
    let deployments = json!({ "group": "apps", "version": "v1", "resource": "deployments" });
    let kind = json!({ "group": "apps", "version": "v1", "kind": "Deployment" });
    json!({
        "uid": format!("705ab4f5-6393-11e8-b7cc-{number:012x}"),
        "kind": kind, "requestKind": kind,
        "resource": deployments, "requestResource": deployments,
        "name": format!("shop-{number}"), "namespace": namespace,
        "operation": if is_update { "UPDATE" } else { "CREATE" },
        "userInfo": { "username": "system:serviceaccount:flux-system:kustomize-controller", "groups": ["system:serviceaccounts", "system:authenticated"] },
        "object": object, "oldObject": old, "dryRun": false,
        "options": { "kind": "PatchOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kustomize-controller", "force": true },
    })
}

pub(super) fn container_name(number: usize) -> String {
    ["app", "proxy", "metrics"]
        .get(number)
        .map_or_else(|| format!("more-{number}"), |name| (*name).to_owned())
}

/// A Deployment as it is stored: applied, with the server's defaults, and with its note of who manages what.
pub(super) fn deployment(name: &str, namespace: &str, images: &[String]) -> Value {
    let labels = json!({ "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop" });
    let containers: Vec<Value> =
        images.iter().enumerate().map(|(number, image)| container(number, image)).collect();
    let managed = images.iter().enumerate().map(|(number, _)| {
        let key = format!(r#"k:{{"name":"{}"}}"#, container_name(number));
        let fields = [
            "env",
            "image",
            "imagePullPolicy",
            "livenessProbe",
            "name",
            "ports",
            "readinessProbe",
            "resources",
        ];
        let fields: serde_json::Map<_, _> =
            fields.iter().map(|field| (format!("f:{field}"), json!({}))).collect();
        (key, Value::Object(fields))
    });
    let managed: Value = managed.collect::<serde_json::Map<_, _>>().into();
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": name, "namespace": namespace, "labels": labels,
            "annotations": { "kustomize.toolkit.fluxcd.io/checksum": "63f3c8f2d2e4b2b6a7f1a0f2d7c9e1a4b5c6d7e8" },
            "managedFields": [{
                "manager": "kustomize-controller", "operation": "Apply", "apiVersion": "apps/v1",
                "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
                "fieldsV1": {
                    "f:metadata": { "f:annotations": { "f:image-tag": {} }, "f:labels": { "f:app.kubernetes.io/name": {}, "f:app.kubernetes.io/part-of": {} } },
                    "f:spec": { "f:replicas": {}, "f:selector": {}, "f:strategy": {}, "f:template": { "f:metadata": { "f:labels": {} }, "f:spec": { "f:containers": managed } } },
                },
            }],
        },
        "spec": {
            "replicas": 3, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "selector": { "matchLabels": labels },
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "containers": containers,
                    "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                    "serviceAccountName": "shop", "securityContext": { "runAsNonRoot": true, "runAsUser": 1000 },
                    "schedulerName": "default-scheduler",
                    "volumes": [{ "name": "settings", "configMap": { "name": "shop", "defaultMode": 420 } }],
                },
            },
        },
    })
}

fn container(number: usize, image: &str) -> Value {
    let name = container_name(number);
    let port = 8080 + number;
    let probe = |path: &str| json!({ "httpGet": { "path": path, "port": port, "scheme": "HTTP" }, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3 });
    json!({
        "name": name, "image": image, "imagePullPolicy": "IfNotPresent",
        "ports": [{ "name": format!("http-{number}"), "containerPort": port, "protocol": "TCP" }],
        "env": [
            { "name": "LOG_LEVEL", "value": "info" },
            { "name": "DATABASE_URL", "valueFrom": { "secretKeyRef": { "name": "shop-database", "key": "url" } } },
            { "name": "POD_NAME", "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.name" } } },
        ],
        "resources": { "requests": { "cpu": "100m", "memory": "128Mi" }, "limits": { "memory": "256Mi" } },
        "livenessProbe": probe("/healthz"), "readinessProbe": probe("/readyz"),
        "volumeMounts": [{ "name": "settings", "mountPath": "/etc/shop", "readOnly": true }],
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_reviews_are_rewritten_and_each_is_of_a_natural_size() {
        let reviews =
            reviews(40, "shop", 10, |tag| format!("quay.io/shop/app-{tag}@sha256:{tag:064x}")).unwrap();
        assert_eq!(reviews.iter().filter(|review| review.is_rewritten).count(), 20);
        assert!(reviews.iter().all(|review| (3_000..20_000).contains(&review.body.len())));
        let update: Value = serde_json::from_slice(&reviews[1].body).unwrap();
        let request = &update["request"];
        let record: Value =
            serde_json::from_str(request["object"]["metadata"]["annotations"][FOLLOWS].as_str().unwrap())
                .unwrap();
        assert_eq!(
            request["object"]["spec"]["template"]["spec"]["containers"][0]["image"],
            record["app"]["image"]
        );
        assert_eq!(request["oldObject"]["spec"]["replicas"], 2);
    }
}
