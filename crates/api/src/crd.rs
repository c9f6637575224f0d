//! The CustomResourceDefinition of Tags, made from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt;
use serde_json::json;

use crate::Tag;

/// The CustomResourceDefinition, as it is to be applied.
///
/// A status that nobody wrote yet reads `observedGeneration: -1`, so that kstatus, Flux and Argo CD see a new Tag in
/// progress and not as done.
pub fn definition() -> CustomResourceDefinition {
    let mut definition = Tag::crd();
    for version in &mut definition.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        let status = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(json!({ "observedGeneration": -1 })));
            status.nullable = None;
        }
    }
    definition
}
