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

/// Tells which digests are run. It is asked only when something would have to go.
#[derive(Clone)]
pub(crate) struct Usage {
    pub(crate) client: Client,
    pub(crate) workloads: Vec<Index>,
}

impl Usage {
    /// The digests in the images of the namespace's annotated workloads, and of all of its Pods, whoever made them and however
    /// they spell the rest of the name.
    pub(crate) async fn of(&self, namespace: &str) -> Result<HashSet<Digest>, kube::Error> {
        let images = self.workloads.iter().flat_map(|workloads| workloads.images_of(Some(namespace)));
        self.and_of_pods(images, Api::namespaced_with(self.client.clone(), namespace, &PODS)).await
    }

    /// The same of the whole cluster.
    pub(crate) async fn everywhere(&self) -> Result<HashSet<Digest>, kube::Error> {
        let images = self.workloads.iter().flat_map(|workloads| workloads.images_of(None));
        self.and_of_pods(images, Api::all_with(self.client.clone(), &PODS)).await
    }

    async fn and_of_pods(
        &self,
        images: impl Iterator<Item = String>,
        pods: Api<Workload>,
    ) -> Result<HashSet<Digest>, kube::Error> {
        let mut digests: HashSet<Digest> = images.filter_map(|image| digest_of(&image)).collect();
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
