//! Who sets a field back with their next apply: the manifest of a Tag is somewhere else, and wins.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::Value;
use tagger_api::Tag;
use tagger_api::annotations::FIELD_MANAGER as OPERATOR;

use crate::session::FIELD_MANAGER;

/// Where `kubectl apply` keeps what it applied. It sets back what stands there also where another manager has changed it since.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What `kubectl apply` is called where it is the manager.
const KUBECTL_APPLY: &str = "kubectl-client-side-apply";
/// Those who write a whole manifest again and again, and not by a server-side apply.
const APPLIERS: [&str; 7] =
    ["argocd", "flux", "helm", "kustomize-controller", "pulumi", "terraform", KUBECTL_APPLY];

/// The managers that have one of these fields of the specification in what they apply.
pub(crate) fn owners(tag: &Tag, fields: &[&str]) -> BTreeSet<String> {
    let owns = |entry: &&ManagedFieldsEntry| {
        let spec = entry.fields_v1.as_ref().and_then(|owned| owned.0.get("f:spec"));
        spec.is_some_and(|spec| fields.iter().any(|field| spec.get(format!("f:{field}")).is_some()))
    };
    let entries = tag.metadata.managed_fields.iter().flatten().filter(owns).filter(|entry| applies(entry));
    let mut owners: BTreeSet<String> =
        entries.filter_map(|entry| entry.manager.clone()).map(|manager| spoken(&manager)).collect();
    let applied = tag.metadata.annotations.as_ref().and_then(|all| all.get(LAST_APPLIED));
    let applied: Option<Value> = applied.and_then(|text| serde_json::from_str(text).ok());
    if applied.is_some_and(|object| fields.iter().any(|field| object["spec"].get(field).is_some())) {
        owners.insert(spoken(KUBECTL_APPLY));
    }
    owners
}

/// Whether this manager writes what it has again, rather than once.
fn applies(entry: &ManagedFieldsEntry) -> bool {
    let manager = entry.manager.as_deref().unwrap_or_default();
    let is_ours = [FIELD_MANAGER, OPERATOR].contains(&manager);
    let is_known = APPLIERS.iter().any(|known| manager.to_lowercase().starts_with(known));
    !is_ours && (is_known || entry.operation.as_deref() == Some("Apply"))
}

fn spoken(manager: &str) -> String {
    match manager {
        KUBECTL_APPLY | "kubectl" => "kubectl apply".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steering::example::tag;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::flux("kustomize-controller", "Apply", "generation", &["kustomize-controller"])]
    #[case::argo("argocd-controller", "Update", "generation", &["argocd-controller"])]
    #[case::helm("helm", "Update", "generation", &["helm"])]
    #[case::anybody_who_applies("own-automation", "Apply", "generation", &["own-automation"])]
    #[case::apply("kubectl-client-side-apply", "Update", "generation", &["kubectl apply"])]
    #[case::apply_server_side("kubectl", "Apply", "generation", &["kubectl apply"])]
    #[case::who_edits_does_it_once("kubectl-edit", "Update", "generation", &[])]
    #[case::ourselves("tagger-plugin", "Update", "generation", &[])]
    #[case::the_operator("tagger", "Apply", "generation", &[])]
    #[case::another_field("kustomize-controller", "Apply", "from", &[])]
    fn who_applies_a_field_is_named(
        #[case] manager: &str,
        #[case] operation: &str,
        #[case] field: &str,
        #[case] named: &[&str],
    ) {
        let mut tag = tag(json!({ "generation": 2 }), Some(2), &[2]);
        let entry = json!({ "manager": manager, "operation": operation, "fieldsV1": { "f:spec": { format!("f:{field}"): {} } } });
        tag.metadata.managed_fields = Some(vec![serde_json::from_value(entry).unwrap()]);
        assert_eq!(owners(&tag, &["generation"]).into_iter().collect::<Vec<_>>(), named);
    }

    #[test]
    fn what_kubectl_applied_stays_its_own_when_the_operator_has_raised_it() {
        let mut tag = tag(json!({ "generation": 2 }), Some(2), &[2]);
        let applied = json!({ "spec": { "from": "a/b", "generation": 0 } }).to_string();
        tag.metadata.annotations = Some([(LAST_APPLIED.to_owned(), applied)].into());
        assert_eq!(owners(&tag, &["generation"]).len(), 1);
        assert!(owners(&tag, &["suspend"]).is_empty());
    }
}
