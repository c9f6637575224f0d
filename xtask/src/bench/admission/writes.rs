//! The same writes through the API server, with the webhook, without any, and with one that does the least, in turn.

use std::time::Instant;

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tagger_api::annotations::IMAGE_TAG;

use super::bare::{self, Bare};
use super::reviews::deployment;
use crate::bench::cluster::Cluster;
use crate::bench::farm;

/// How long writes took, in milliseconds.
#[derive(Default)]
pub(super) struct Took {
    pub(super) with: Vec<f64>,
    pub(super) without: Vec<f64>,
    pub(super) bare: Vec<f64>,
}

/// A namespace that the webhook is asked about, and one that it is not.
pub(super) struct Sides {
    with: Api<Deployment>,
    without: Api<Deployment>,
    _bare: Bare,
}

/// Who is asked about a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Tagger,
    Nobody,
    Bare,
}

const ALL: [Asked; 3] = [Asked::Tagger, Asked::Nobody, Asked::Bare];

impl Sides {
    /// Makes both ready. Tagger's own namespace is the one that the webhook is not asked about.
    pub(super) async fn set(cluster: &Cluster, namespace: &str) -> Result<Self> {
        // Servers before 1.21 don't write this label themselves, and select namespaces by it all the same.
        let label = ["label", "namespace", "tagger", "kubernetes.io/metadata.name=tagger", "--overwrite"];
        cluster.control_plane.kubectl().run(&label).await?;
        Ok(Self {
            with: Api::namespaced(cluster.client.clone(), namespace),
            without: Api::namespaced(cluster.client.clone(), "tagger"),
            _bare: Bare::register(&cluster.client).await?,
        })
    }

    /// Creates so many Deployments on each side in turn, and changes each twice.
    pub(super) async fn write(&self, round: usize, count: usize, tags: usize) -> Result<Took> {
        let mut took = Took::default();
        for number in 0..count {
            for step in 0..3 {
                for asked in (0..ALL.len()).map(|place| ALL[(number + place) % ALL.len()]) {
                    let name = asked.name(round, number);
                    let deployment = serde_json::from_value(named(&name, asked, number, tags))?;
                    let start = Instant::now();
                    write(self.api(asked), &name, &deployment, step).await?;
                    let milliseconds = 1000.0 * start.elapsed().as_secs_f64();
                    match asked {
                        Asked::Tagger => took.with.push(milliseconds),
                        Asked::Nobody => took.without.push(milliseconds),
                        Asked::Bare => took.bare.push(milliseconds),
                    }
                }
            }
        }
        self.check(round).await?;
        Ok(took)
    }

    /// That what somebody was asked about was rewritten, and the other was not.
    async fn check(&self, round: usize) -> Result<()> {
        for asked in ALL {
            let found = serde_json::to_value(self.api(asked).get(&asked.name(round, 0)).await?)?;
            let image = found.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
            let is_rewritten = image.is_some_and(|image| image.contains("@sha256:"));
            let is_as_wanted = is_rewritten == (asked != Asked::Nobody);
            anyhow::ensure!(is_as_wanted, "a Deployment that was written has the image {image:?}");
        }
        Ok(())
    }

    fn api(&self, asked: Asked) -> &Api<Deployment> {
        if asked == Asked::Tagger { &self.with } else { &self.without }
    }
}

impl Asked {
    /// The name of a Deployment, as long on each side.
    fn name(self, round: usize, number: usize) -> String {
        let side = match self {
            Self::Tagger => "tagger",
            Self::Nobody => "nobody",
            Self::Bare => "simple",
        };
        format!("{side}-{round}-{number}")
    }
}

async fn write(api: &Api<Deployment>, name: &str, deployment: &Deployment, step: usize) -> Result<()> {
    if step == 0 {
        api.create(&PostParams::default(), deployment).await.context("create a Deployment")?;
    } else {
        let change = json!({ "metadata": { "annotations": { "example.org/step": step.to_string() } } });
        api.patch(name, &PatchParams::default(), &Patch::Merge(change))
            .await
            .context("change a Deployment")?;
    }
    Ok(())
}

/// A Deployment whose writes lead to no others: it is paused.
fn named(name: &str, asked: Asked, number: usize, tags: usize) -> Value {
    let images: Vec<String> =
        (0..2 + number % 2).map(|container| farm::name((number * 3 + container) % tags)).collect();
    let mut object = deployment(name, "", &images);
    let metadata = &mut object["metadata"];
    metadata["annotations"][IMAGE_TAG] = json!("true");
    if asked == Asked::Bare {
        metadata["labels"][bare::LABEL] = json!("");
    }
    metadata.as_object_mut().map(|metadata| (metadata.remove("managedFields"), metadata.remove("namespace")));
    object["spec"]["paused"] = json!(true);
    object["spec"]["replicas"] = json!(0);
    object
}
