//! The plain manifests: what the chart gives without any values, in files that are numbered as they are applied.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tagger_testkit::helm::{Helm, Rendered, Rendering};

use crate::generate::File;

/// The namespace that the plain manifests make.
const NAMESPACE: &str = "tagger";

/// The version that they are made for. Servers that are older don't know all fields.
const KUBERNETES: &str = "1.36";

/// A file of `manifests/`, and the templates of the chart that it is made of, in order.
struct Plan {
    name: &'static str,
    about: &'static str,
    templates: &'static [&'static str],
}

/// The file beside the numbered ones, which `kubectl apply -f manifests/` does not look into.
const CACHE: Plan = Plan {
    name: "cache/registry.yaml",
    about: "Not needed: a registry for Tags with cache: true, in a cluster that has none. See docs/guides/cache.md.",
    templates: &["cache-registry"],
};

const NUMBERED: [Plan; 6] = [
    Plan { name: "00_crd.yaml", about: "The Tag resource.", templates: &["crd"] },
    Plan {
        name: "01_rbac.yaml",
        about: "Tagger's namespace, its account, and all that the account may do.",
        templates: &["namespace", "serviceaccount", "rbac", "rbac-credentials", "rbac-people"],
    },
    Plan {
        name: "02_admission.yaml",
        about: "Where the webhook is reached. Tagger writes the webhook configurations by itself, when it can answer.",
        templates: &["service-admission"],
    },
    Plan {
        name: "03_receiver.yaml",
        about: "Where push notifications come in: those of all registries, and apart from them those of Docker Hub and of Quay.",
        templates: &["services-receiver"],
    },
    Plan {
        name: "04_operator.yaml",
        about: "Tagger itself. Put the image that you have in place of the one named here.",
        templates: &["priorityclass", "networkpolicy", "service-metrics", "deployment"],
    },
    Plan {
        name: "05_disruption.yaml",
        about: "Nodes are emptied without taking all of Tagger away at once.",
        templates: &["poddisruptionbudget"],
    },
];

/// The files, as paths in the checkout, with their text.
pub(crate) fn files(root: &Path) -> Result<Vec<File>> {
    let rendering = |values: Value| Rendering {
        chart: root.join("charts/tagger"),
        values,
        namespace: NAMESPACE.to_owned(),
        kubernetes: KUBERNETES.to_owned(),
    };
    let own = json!({ "namespace": { "create": true } });
    let with_cache = json!({ "cacheRegistry": { "enabled": true } });
    let mut rendered = Helm::obtain()?.render(&[rendering(own), rendering(with_cache)])?.into_iter();
    let mut next =
        || rendered.next().context("Helm rendered too little")?.context("the chart can't be rendered");
    let (numbered, cache) = (next()?, next()?);
    complete(&numbered)?;
    let mut files = Vec::new();
    for (plan, rendered) in NUMBERED.iter().map(|plan| (plan, &numbered)).chain([(&CACHE, &cache)]) {
        files.push((format!("manifests/{}", plan.name), plan.text(rendered)?));
    }
    files.push(("manifests/Kustomization".to_owned(), kustomization()));
    Ok(files)
}

/// Fails where the chart has a template that is in no file.
fn complete(rendered: &Rendered) -> Result<()> {
    let planned: Vec<String> =
        NUMBERED.iter().flat_map(|plan| plan.templates).map(|name| path(name)).collect();
    for (template, text) in rendered {
        ensure!(
            planned.contains(template) || template.ends_with(".txt") || objects(text)?.is_empty(),
            "{template} is in no file of manifests/: give it a place in xtask/src/manifests.rs"
        );
    }
    Ok(())
}

fn path(template: &str) -> String {
    format!("tagger/templates/{template}.yaml")
}

impl Plan {
    fn text(&self, rendered: &Rendered) -> Result<String> {
        let mut text = format!(
            "# {}\n# Made by `cargo xtask generate` from charts/tagger; edit that, not this file.\n",
            self.about
        );
        for template in self.templates {
            let rendered =
                rendered.get(&path(template)).with_context(|| format!("the chart has no {template}"))?;
            for mut object in objects(rendered)? {
                forget_helm(&mut object);
                text.push_str("---\n");
                text.push_str(&serde_yaml_ng::to_string(&object)?);
            }
        }
        Ok(text)
    }
}

/// The objects of a text in YAML.
fn objects(text: &str) -> Result<Vec<Value>> {
    let documents = serde_yaml_ng::Deserializer::from_str(text).map(Value::deserialize);
    let objects: Vec<Value> = documents.collect::<Result<_, _>>().context("the chart renders no YAML")?;
    Ok(objects.into_iter().filter(|object| !object.is_null()).collect())
}

/// Takes away what says that Helm looks after an object, for here nobody does.
fn forget_helm(object: &mut Value) {
    for part in ["labels", "annotations"] {
        let Some(metadata) = object["metadata"].as_object_mut() else { continue };
        let Some(texts) = metadata.get_mut(part).and_then(Value::as_object_mut) else { continue };
        texts.retain(|name, value| !name.starts_with("helm.sh/") && value != "Helm");
        if texts.is_empty() {
            metadata.remove(part);
        }
    }
}

/// The kustomization of the numbered files. It is called `Kustomization`, without an ending: `kubectl apply -f` takes every `.yaml` of a
/// folder for an object of the cluster.
fn kustomization() -> String {
    let resources: String = NUMBERED.iter().map(|plan| format!("- {}\n", plan.name)).collect();
    format!(
        "# All of Tagger, for `kubectl apply -k` and kustomizations of yours. Give the image there:\n\
         #   images: [{{ name: registry.invalid/tagger/tagger, newName: …, digest: … }}]\n\
         # Made by `cargo xtask generate`; edit the code, not this file.\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{resources}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_named_in_the_order_they_are_applied() {
        assert!(NUMBERED.iter().map(|plan| plan.name).is_sorted());
    }

    #[test]
    fn what_is_helms_own_goes_and_the_rest_stays() {
        let mut object = json!({ "metadata": {
            "labels": { "helm.sh/chart": "tagger-1", "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/name": "tagger" },
            "annotations": { "helm.sh/resource-policy": "keep" },
        }});
        forget_helm(&mut object);
        assert_eq!(object, json!({ "metadata": { "labels": { "app.kubernetes.io/name": "tagger" } } }));
    }

    #[test]
    fn what_is_not_there_stays_away() {
        let object = json!({ "metadata": { "name": "tagger" } });
        let mut same = object.clone();
        forget_helm(&mut same);
        assert_eq!(same, object);
    }

    #[test]
    fn a_template_without_a_file_is_told_of() {
        let rendered = |text: &str| Rendered::from([(path("more"), text.to_owned())]);
        assert!(complete(&rendered("# nothing\n")).is_ok());
        let error = complete(&rendered("kind: Secret\n")).unwrap_err().to_string();
        assert!(error.contains("more.yaml is in no file"), "{error}");
    }
}
