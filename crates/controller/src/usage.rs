//! Which digests are still run, so that no generation goes that one of them came from, and no copy in the cache.

use std::collections::HashSet;

use kube::api::ListParams;
use kube::{Api, Client};
use tagger_api::workload::Kind;
use tagger_core::reference::Digest;

use crate::workloads::{Index, Served, Workload};

/// Pods are of one version everywhere.
const PODS: Served = Served { kind: Kind::Pod, version: "v1" };

/// How many Pods are read at once: the list of a large cluster is never in memory as a whole.
const PAGE: u32 = 500;

/// Why it can't be said what is run. Then nothing may go.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    /// The Pods are not known.
    #[error("the Pods could not be listed: {0}")]
    Pods(#[from] kube::Error),
    /// The workloads are not known.
    #[error("the workloads have not been listed since the start; this is tried again")]
    Workloads,
}

/// Tells which digests are run. It is asked only when something would have to go.
#[derive(Clone)]
pub(crate) struct Usage {
    pub(crate) client: Client,
    pub(crate) workloads: Vec<Index>,
}

impl Usage {
    /// The digests in the images of the namespace's annotated workloads, and of all of its Pods, whoever made them and however
    /// they spell the rest of the name.
    pub(crate) async fn of(&self, namespace: &str) -> Result<HashSet<Digest>, UsageError> {
        let digests = self.of_workloads(Some(namespace))?;
        self.and_of_pods(digests, Api::namespaced_with(self.client.clone(), namespace, &PODS)).await
    }

    /// The same of the whole cluster.
    pub(crate) async fn everywhere(&self) -> Result<HashSet<Digest>, UsageError> {
        let digests = self.of_workloads(None)?;
        self.and_of_pods(digests, Api::all_with(self.client.clone(), &PODS)).await
    }

    fn of_workloads(&self, namespace: Option<&str>) -> Result<HashSet<Digest>, UsageError> {
        let mut digests = HashSet::new();
        for workloads in &self.workloads {
            let images = workloads.images_of(namespace).ok_or(UsageError::Workloads)?;
            digests.extend(images.iter().filter_map(|image| digest_of(image)));
        }
        Ok(digests)
    }

    async fn and_of_pods(
        &self,
        mut digests: HashSet<Digest>,
        pods: Api<Workload>,
    ) -> Result<HashSet<Digest>, UsageError> {
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = pods.list(&page).await?;
            let slots = list.items.into_iter().flat_map(|pod| pod.slots);
            digests.extend(slots.filter_map(|slot| digest_of(&slot.image)));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(digests),
            }
        }
    }
}

fn digest_of(image: &str) -> Option<Digest> {
    image.rsplit_once('@')?.1.parse().ok()
}
