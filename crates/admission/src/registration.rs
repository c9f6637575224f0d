//! What tells the API server to ask the webhook, and about what.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference,
    ValidatingWebhook, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use tagger_api::workload::Kind;

use crate::router::{MUTATE, VALIDATE};
use crate::workload::KUBE_SYSTEM;

/// The name of both configurations.
pub const NAME: &str = "tagger";

/// How long the API server waits for an answer: longer than a workload waits for a Tag.
const TIMEOUT_SECONDS: i32 = 5;

/// Where the API server finds the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// At an address such as `https://127.0.0.1:9443`, for an operator outside of the cluster.
    Url(String),
    /// Behind a Service of the cluster.
    Service {
        /// The Service's namespace.
        namespace: String,
        /// The Service's name.
        name: String,
        /// The Service's port.
        port: u16,
    },
}

impl Endpoint {
    /// The name, or the address, that the webhook's certificate must be for.
    pub fn host(&self) -> String {
        match self {
            Self::Service { namespace, name, .. } => format!("{name}.{namespace}.svc"),
            Self::Url(base) => {
                let rest = base.split_once("://").map_or(base.as_str(), |(_, rest)| rest);
                let authority = rest.split('/').next().unwrap_or_default();
                match authority.strip_prefix('[') {
                    Some(address) => address.split(']').next().unwrap_or_default().to_owned(),
                    None => authority.split(':').next().unwrap_or_default().to_owned(),
                }
            }
        }
    }

    fn client_config(&self, path: &str, bundle: &[u8]) -> WebhookClientConfig {
        let (url, service) = match self {
            Self::Url(base) => (Some(format!("{}{path}", base.trim_end_matches('/'))), None),
            Self::Service { namespace, name, port } => {
                let (namespace, name, port) = (namespace.clone(), name.clone(), Some(i32::from(*port)));
                (None, Some(ServiceReference { namespace, name, port, path: Some(path.to_owned()) }))
            }
        };
        WebhookClientConfig { ca_bundle: Some(ByteString(bundle.to_vec())), service, url }
    }
}

/// All that the registration depends on, other than certificates and the server's age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Where the webhook is.
    pub endpoint: Endpoint,
    /// The namespace that Tagger runs in.
    pub namespace: String,
}

impl Registration {
    /// What asks about workloads.
    ///
    /// `bundle` are the certificates of the authorities, as PEM. `conditions` says whether the server knows
    /// `matchConditions` (Kubernetes 1.28 and later). Then it asks about annotated objects only, and an outage refuses
    /// those; on other servers it asks about all workloads, and an outage lets them through, to be repaired later.
    pub fn mutating(&self, bundle: &[u8], conditions: bool) -> MutatingWebhookConfiguration {
        MutatingWebhookConfiguration {
            metadata: metadata(),
            webhooks: Some(vec![MutatingWebhook {
                name: "workloads.images.io".into(),
                admission_review_versions: review_versions(),
                client_config: self.endpoint.client_config(MUTATE, bundle),
                failure_policy: Some(if conditions { "Fail" } else { "Ignore" }.into()),
                match_conditions: conditions.then(match_conditions),
                match_policy: Some("Equivalent".into()),
                namespace_selector: Some(self.namespaces()),
                object_selector: None,
                reinvocation_policy: Some("IfNeeded".into()),
                rules: Some(workload_rules()),
                side_effects: "None".into(),
                timeout_seconds: Some(TIMEOUT_SECONDS),
            }]),
        }
    }

    /// What asks about Tags. An outage lets them through: the controller holds them to the same rules.
    pub fn validating(&self, bundle: &[u8]) -> ValidatingWebhookConfiguration {
        ValidatingWebhookConfiguration {
            metadata: metadata(),
            webhooks: Some(vec![ValidatingWebhook {
                name: "tags.images.io".into(),
                admission_review_versions: review_versions(),
                client_config: self.endpoint.client_config(VALIDATE, bundle),
                failure_policy: Some("Ignore".into()),
                match_policy: Some("Equivalent".into()),
                rules: Some(vec![rule("images.io", &["v1"], &["tags"])]),
                side_effects: "None".into(),
                timeout_seconds: Some(TIMEOUT_SECONDS),
                ..ValidatingWebhook::default()
            }]),
        }
    }

    fn namespaces(&self) -> LabelSelector {
        let not_in = LabelSelectorRequirement {
            key: "kubernetes.io/metadata.name".into(),
            operator: "NotIn".into(),
            values: Some(vec![self.namespace.clone(), KUBE_SYSTEM.into()]),
        };
        LabelSelector { match_expressions: Some(vec![not_in]), match_labels: None }
    }
}

fn metadata() -> ObjectMeta {
    let labels = [("app.kubernetes.io/name", NAME), ("app.kubernetes.io/managed-by", NAME)];
    let labels: BTreeMap<String, String> =
        labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    ObjectMeta { name: Some(NAME.into()), labels: Some(labels), ..ObjectMeta::default() }
}

fn review_versions() -> Vec<String> {
    vec!["v1".into(), "v1beta1".into()]
}

fn rule(group: &str, versions: &[&str], resources: &[&str]) -> RuleWithOperations {
    let owned = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    RuleWithOperations {
        api_groups: owned(&[group]),
        api_versions: owned(versions),
        operations: owned(&["CREATE", "UPDATE"]),
        resources: owned(resources),
        scope: Some("Namespaced".into()),
    }
}

/// One rule a group, with all kinds of it.
fn workload_rules() -> Vec<RuleWithOperations> {
    let rules = [("apps", ["v1"].as_slice()), ("batch", &["v1", "v1beta1"]), ("", &["v1"])];
    let resources = |group: &str| -> Vec<&'static str> {
        let kinds = Kind::ALL.into_iter().map(Kind::names).filter(|(of, ..)| *of == group);
        kinds.map(|(_, _, plural)| plural).collect()
    };
    rules.into_iter().map(|(group, versions)| rule(group, versions, &resources(group))).collect()
}

/// What a server that knows conditions asks about: annotated objects, none that a controller made, and none that is on its way out:
/// taking a finalizer off is an update, and must not fail while the webhook is away.
fn match_conditions() -> Vec<MatchCondition> {
    let made: Vec<String> = Kind::ALL
        .into_iter()
        .filter(|kind| kind.is_made_by_controllers())
        .map(|kind| format!("'{}'", kind.names().1))
        .collect();
    let annotated = "has(object.metadata.annotations) && 'image-tag' in object.metadata.annotations && \
                     object.metadata.annotations['image-tag'] in ['true', 'strict']";
    let not_made = format!(
        "!(request.kind.kind in [{}]) || !has(object.metadata.ownerReferences) || \
         !object.metadata.ownerReferences.exists(owner, has(owner.controller) && owner.controller)",
        made.join(", ")
    );
    let condition =
        |name: &str, expression: &str| MatchCondition { name: name.into(), expression: expression.into() };
    vec![
        condition("annotated", annotated),
        condition("not-made-by-a-controller", &not_made),
        condition("not-being-deleted", "!has(object.metadata.deletionTimestamp)"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn registration(endpoint: Endpoint) -> Registration {
        Registration { endpoint, namespace: "tagger-system".into() }
    }

    fn service() -> Endpoint {
        Endpoint::Service { namespace: "tagger-system".into(), name: "tagger".into(), port: 443 }
    }

    fn mutating(conditions: bool) -> Value {
        let configuration = registration(service()).mutating(b"PEM", conditions);
        serde_json::to_value(configuration).unwrap()["webhooks"][0].take()
    }

    #[test]
    fn workloads_are_asked_about_where_people_write_them() {
        let webhook = mutating(true);
        let rule = |group: &str, versions: Value, resources: Value| {
            json!({ "apiGroups": [group], "apiVersions": versions, "operations": ["CREATE", "UPDATE"],
                    "resources": resources, "scope": "Namespaced" })
        };
        let rules = json!([
            rule("apps", json!(["v1"]), json!(["deployments", "statefulsets", "daemonsets", "replicasets"])),
            rule("batch", json!(["v1", "v1beta1"]), json!(["cronjobs", "jobs"])),
            rule("", json!(["v1"]), json!(["pods"])),
        ]);
        assert_eq!(webhook["rules"], rules);
        let namespaces = json!({ "matchExpressions": [
            { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["tagger-system", "kube-system"] },
        ] });
        assert_eq!(webhook["namespaceSelector"], namespaces);
        for (field, value) in [
            ("sideEffects", json!("None")),
            ("reinvocationPolicy", json!("IfNeeded")),
            ("matchPolicy", json!("Equivalent")),
            ("timeoutSeconds", json!(5)),
            ("admissionReviewVersions", json!(["v1", "v1beta1"])),
        ] {
            assert_eq!(webhook[field], value, "{field}");
        }
    }

    #[rstest]
    #[case::a_server_that_narrows_it_down_fails_closed(true, "Fail", 3)]
    #[case::one_that_does_not_fails_open(false, "Ignore", 0)]
    fn failing(#[case] conditions: bool, #[case] policy: &str, #[case] count: usize) {
        let webhook = mutating(conditions);
        assert_eq!(webhook["failurePolicy"], policy);
        assert_eq!(webhook["matchConditions"].as_array().map_or(0, Vec::len), count);
    }

    #[test]
    fn tags_are_asked_about_and_fail_open() {
        let configuration = registration(service()).validating(b"PEM");
        let webhook = serde_json::to_value(configuration).unwrap()["webhooks"][0].take();
        assert_eq!(webhook["failurePolicy"], "Ignore");
        assert_eq!(webhook["rules"][0]["resources"], json!(["tags"]));
        assert_eq!(webhook["clientConfig"]["service"]["path"], "/validate");
    }

    #[rstest]
    #[case("https://127.0.0.1:9443", "https://127.0.0.1:9443/mutate", "127.0.0.1")]
    #[case("https://tagger.example/", "https://tagger.example/mutate", "tagger.example")]
    #[case("https://[::1]:9443", "https://[::1]:9443/mutate", "::1")]
    fn an_operator_outside_is_found_at_its_address(
        #[case] base: &str,
        #[case] url: &str,
        #[case] host: &str,
    ) {
        let endpoint = Endpoint::Url(base.into());
        assert_eq!(endpoint.host(), host);
        let configuration = registration(endpoint).mutating(b"PEM", true);
        let config = serde_json::to_value(configuration).unwrap()["webhooks"][0]["clientConfig"].take();
        assert_eq!(config, json!({ "url": url, "caBundle": "UEVN" }));
    }

    #[test]
    fn an_operator_inside_is_found_by_its_service() {
        assert_eq!(service().host(), "tagger.tagger-system.svc");
        let expected =
            json!({ "namespace": "tagger-system", "name": "tagger", "port": 443, "path": "/mutate" });
        assert_eq!(mutating(false)["clientConfig"]["service"], expected);
    }
}
