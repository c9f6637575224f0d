//! Another user of the API server, who reads and writes something of their own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::bench::cluster::Cluster;

/// How often the user does something.
const PAUSE: Duration = Duration::from_millis(20);

/// How long reads and writes took, in milliseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Took {
    pub(super) reads: Vec<f64>,
    pub(super) writes: Vec<f64>,
}

impl Took {
    pub(super) fn is_empty(&self) -> bool {
        self.reads.is_empty() || self.writes.is_empty()
    }
}

/// The user, at work until dropped.
pub(super) struct Bystander {
    took: Arc<Mutex<Took>>,
    _task: AbortOnDropHandle<()>,
}

impl Bystander {
    /// Begins, with a ConfigMap of its own in the namespace `default`.
    pub(super) async fn start(cluster: &Cluster) -> Result<Self> {
        let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "default");
        let own =
            serde_json::from_value(json!({ "metadata": { "name": "bystander" }, "data": { "n": "0" } }))?;
        api.create(&PostParams::default(), &own).await.context("create a ConfigMap")?;
        let took: Arc<Mutex<Took>> = Arc::default();
        let noted = took.clone();
        let task = tokio::spawn(async move {
            for number in 1_u64.. {
                let start = Instant::now();
                let change = json!({ "data": { "n": number.to_string() } });
                let written = api.patch("bystander", &PatchParams::default(), &Patch::Merge(change)).await;
                let write = start.elapsed();
                let start = Instant::now();
                let read = api.get("bystander").await;
                let read_took = start.elapsed();
                match written.and(read) {
                    Err(error) => eprintln!("the other user's call failed: {error}"),
                    Ok(_) => {
                        let mut took = noted.lock().unwrap_or_else(PoisonError::into_inner);
                        took.writes.push(1000.0 * write.as_secs_f64());
                        took.reads.push(1000.0 * read_took.as_secs_f64());
                    }
                }
                sleep(PAUSE).await;
            }
        });
        Ok(Self { took, _task: AbortOnDropHandle::new(task) })
    }

    /// How long calls took since the last time this was asked.
    pub(super) fn take(&self) -> Took {
        std::mem::take(&mut *self.took.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
