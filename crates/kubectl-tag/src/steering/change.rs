//! One change to a Tag: a merge patch of the few fields that a command is about, over the version that was looked at.

use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tagger_api::Tag;
use tagger_api::annotations::IMPORT;

use super::step::Step;
use crate::arguments::DryRun;
use crate::problem::Problem;
use crate::session::{Cluster, FIELD_MANAGER};

/// How often a change is tried that somebody else is in the way of.
const TRIES: usize = 3;

/// What a command changes of a Tag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// The fields of the specification; null takes one out.
    pub(crate) spec: Value,
    /// A request to the operator, in the annotation for it.
    pub(crate) request: Option<Value>,
}

impl Change {
    /// The change that takes a step.
    pub(crate) fn of(step: Step, tag: &Tag) -> Self {
        match step {
            Step::Select(number) => Self { spec: json!({ "generation": number }), request: None },
            Step::Import(number) => {
                // A Tag that follows keeps no number: nothing in its manifest moves.
                let spec =
                    if tag.spec.generation.is_some() { json!({ "generation": number }) } else { json!({}) };
                Self { spec, request: Some(json!({ "generation": number })) }
            }
        }
    }

    /// Whether the Tag is so already.
    pub(crate) fn is_made(&self, tag: &Tag) -> bool {
        let spec = serde_json::to_value(&tag.spec).unwrap_or_default();
        let same = |(field, value): (&String, &Value)| spec.get(field).unwrap_or(&Value::Null) == value;
        self.request.is_none() && self.spec.as_object().is_some_and(|fields| fields.iter().all(same))
    }

    /// The merge patch (RFC 7386), over this version.
    pub(crate) fn patch(&self, version: Option<&str>) -> Value {
        let mut patch = json!({
            "apiVersion": "images.io/v1", "kind": "Tag", "metadata": { "resourceVersion": version }, "spec": self.spec,
        });
        if let Some(request) = &self.request {
            patch["metadata"]["annotations"] = json!({ IMPORT: request.to_string() });
        }
        patch
    }

    /// The managers that own a field which the change sets, and will set it back with their next apply.
    pub(crate) fn owners(&self, tag: &Tag) -> Vec<String> {
        let fields: Vec<String> =
            self.spec.as_object().into_iter().flatten().map(|(field, _)| format!("f:{field}")).collect();
        let owns = |entry: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry| {
            let spec = entry.fields_v1.as_ref().and_then(|owned| owned.0.get("f:spec"));
            spec.is_some_and(|spec| fields.iter().any(|field| spec.get(field).is_some()))
        };
        let automation = |manager: &String| {
            ["kustomize-controller", "helm-controller", "argocd", "helm", "flux"]
                .iter()
                .any(|known| manager.starts_with(known))
        };
        let managers = tag.metadata.managed_fields.iter().flatten().filter(owns);
        managers.filter_map(|entry| entry.manager.clone()).filter(automation).collect()
    }
}

/// Makes a change that is reckoned from the Tag as it is, and gives the Tag before and after. One that somebody else was faster than
/// is reckoned again.
pub(crate) async fn make(
    cluster: &Cluster,
    tag: Tag,
    dry_run: Option<DryRun>,
    reckon: impl Fn(&Tag) -> Result<Change, Problem>,
) -> Result<(Tag, Change, Tag), Problem> {
    let (namespace, name) = (tag.namespace().unwrap_or_default(), tag.name_any());
    let api = cluster.tags(&namespace);
    let mut before = tag;
    for _ in 0..TRIES {
        let change = reckon(&before)?;
        let patch = change.patch(before.metadata.resource_version.as_deref());
        if dry_run == Some(DryRun::Client) {
            let after = merged(&before, &patch)?;
            return Ok((before, change, after));
        }
        let params = PatchParams {
            dry_run: dry_run == Some(DryRun::Server),
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        match api.patch(&name, &params, &Patch::Merge(&patch)).await {
            Ok(after) => return Ok((before, change, after)),
            Err(kube::Error::Api(refused)) if refused.is_conflict() => {
                before = crate::tags::find_in(cluster, &namespace, &name).await?;
            }
            Err(error) => return Err(cluster.told("patch tags", Some(&namespace), error)),
        }
    }
    Err(Problem::Conflict { what: format!("the Tag {name:?}") })
}

/// The Tag as the patch would leave it.
fn merged(tag: &Tag, patch: &Value) -> Result<Tag, Problem> {
    let mut object = serde_json::to_value(tag).map_err(|error| Problem::Output(error.to_string()))?;
    merge(&mut object, patch);
    serde_json::from_value(object).map_err(|error| Problem::Output(error.to_string()))
}

fn merge(object: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (name, value) in fields {
        match value {
            Value::Null => drop(object.as_object_mut().and_then(|object| object.remove(name))),
            value => merge(&mut object[name], value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(spec: Value) -> Tag {
        serde_json::from_value(json!({
            "apiVersion": "images.io/v1", "kind": "Tag",
            "metadata": { "name": "myapp", "resourceVersion": "7", "managedFields": [
                { "manager": "kustomize-controller", "fieldsV1": { "f:spec": { "f:generation": {}, "f:from": {} } } },
                { "manager": "kubectl-client-side-apply", "fieldsV1": { "f:spec": { "f:generation": {} } } },
            ] },
            "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn an_import_of_a_tag_that_follows_leaves_its_specification_alone() {
        let follows = tag(json!({ "from": "a/b" }));
        let change = Change::of(Step::Import(3), &follows);
        let patch = change.patch(Some("7"));
        assert_eq!(patch["spec"], json!({}));
        assert_eq!(patch["metadata"]["annotations"][IMPORT], json!(r#"{"generation":3}"#));
        let numbered = tag(json!({ "from": "a/b", "generation": 2 }));
        assert_eq!(Change::of(Step::Import(3), &numbered).patch(None)["spec"], json!({ "generation": 3 }));
    }

    #[test]
    fn a_change_that_is_made_is_known() {
        let change = Change { spec: json!({ "suspend": null }), request: None };
        assert!(change.is_made(&tag(json!({ "from": "a/b" }))));
        assert!(!change.is_made(&tag(json!({ "from": "a/b", "suspend": true }))));
    }

    #[test]
    fn automation_that_owns_the_field_is_named() {
        let numbered = tag(json!({ "from": "a/b", "generation": 2 }));
        assert_eq!(Change::of(Step::Select(1), &numbered).owners(&numbered), ["kustomize-controller"]);
        let change = Change { spec: json!({ "suspend": true }), request: None };
        assert!(change.owners(&numbered).is_empty());
    }

    #[test]
    fn a_patch_is_merged_as_the_server_does() {
        let numbered = tag(json!({ "from": "a/b", "generation": 2 }));
        let merged = merged(&numbered, &json!({ "spec": { "generation": null, "suspend": true } })).unwrap();
        assert_eq!((merged.spec.generation, merged.spec.suspend), (None, Some(true)));
        assert_eq!(merged.spec.from, "a/b");
    }
}
