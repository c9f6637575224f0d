//! Whom the registrations belong to: the ClusterRole that gives the operator its rights. When that is deleted, as uninstalling does,
//! Kubernetes deletes the registrations as well, and nobody is asked about a webhook that is gone.

use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Error as KubeError, Resource};

use crate::injection::Webhooks;

/// Finds the owner. None, where there is no such role or it may not be read: then the registrations belong to nobody, and stay.
pub async fn find(client: &Client, name: &str) -> Result<Option<OwnerReference>, KubeError> {
    let api: Api<ClusterRole> = Api::all(client.clone());
    match api.get_metadata_opt(name).await {
        Ok(role) => Ok(role.and_then(|role| reference(&role))),
        Err(KubeError::Api(status)) if status.is_forbidden() => {
            tracing::debug!(role = name, why = %status.message, "the registration belongs to nobody");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The registrations as this owner's.
pub fn owned(mut webhooks: Webhooks, owner: Option<&OwnerReference>) -> Webhooks {
    let owners = owner.map(|owner| vec![owner.clone()]);
    webhooks.mutating.metadata.owner_references.clone_from(&owners);
    webhooks.validating.metadata.owner_references = owners;
    webhooks
}

/// None as well where the role is on its way out: what is given to it now would be lost in a moment.
fn reference(role: &PartialObjectMeta<ClusterRole>) -> Option<OwnerReference> {
    let is_leaving = role.metadata.deletion_timestamp.is_some();
    let named = |name: &String, uid: &String| OwnerReference {
        api_version: ClusterRole::api_version(&()).into_owned(),
        kind: ClusterRole::kind(&()).into_owned(),
        name: name.clone(),
        uid: uid.clone(),
        ..OwnerReference::default()
    };
    let (name, uid) = (role.metadata.name.as_ref()?, role.metadata.uid.as_ref()?);
    (!is_leaving).then(|| named(name, uid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn role(metadata: serde_json::Value) -> PartialObjectMeta<ClusterRole> {
        serde_json::from_value(json!({ "metadata": metadata })).unwrap()
    }

    #[test]
    fn both_registrations_belong_to_the_role_that_is_there() {
        let owner = reference(&role(json!({ "name": "tagger", "uid": "7" }))).unwrap();
        let webhooks = owned(Webhooks::default(), Some(&owner));
        let written = serde_json::to_value(&webhooks.mutating).unwrap()["metadata"]["ownerReferences"].take();
        let expected = json!([{ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "tagger", "uid": "7" }]);
        assert_eq!(written, expected, "and it does not hold the role's deletion up");
        assert_eq!(
            webhooks.validating.metadata.owner_references,
            webhooks.mutating.metadata.owner_references
        );
    }

    #[test]
    fn a_role_on_its_way_out_owns_nothing() {
        let leaving = json!({ "name": "tagger", "uid": "7", "deletionTimestamp": "2026-01-01T00:00:00Z" });
        assert_eq!(reference(&role(leaving)), None);
    }
}
