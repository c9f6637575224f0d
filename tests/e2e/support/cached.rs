//! A world with a cache registry.

use std::collections::HashSet;

use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::ControlPlane;
use tagger_testkit::operator::Operator;
use tagger_testkit::proxy::Proxy;
use tagger_testkit::registry::{Registry, RegistryOptions};
use tagger_testkit::target::Target;
use tokio::sync::OnceCell;

use super::{Namespace, World, eventually};

/// A world whose operator has a cache.
pub struct Cached {
    pub world: World,
    pub cache: Registry,
    /// The cache, seen through a proxy: what the operator and the nodes are told.
    pub proxy: Proxy,
}

static SHARED: OnceCell<Cached> = OnceCell::const_new();

impl Cached {
    /// The world of all tests that neither stop the operator nor break the cache for others.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(async || Self::start(&RegistryOptions::default(), &[]).await).await
    }

    /// A world of one's own, with such a cache and more flags for the operator.
    pub async fn start(options: &RegistryOptions, flags: &[&str]) -> Self {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, registry) = World::without_operator(&assets).await;
        let cache = Registry::start(&assets, options).await.unwrap();
        let (source, proxy) = (Proxy::start(&registry).await.unwrap(), Proxy::start(&cache).await.unwrap());
        let more = [&["--insecure-registry", source.address()], flags].concat();
        let operator = Self::operator(&control_plane, &registry, proxy.address(), &more).await;
        Self { world: World { control_plane, registry, proxy: source, operator }, cache, proxy }
    }

    /// An operator with a cache at this address.
    pub async fn operator(
        control_plane: &ControlPlane,
        registry: &Registry,
        cache: &str,
        flags: &[&str],
    ) -> Operator {
        let more = [&["--cache-registry", cache, "--cache-insecure"], flags].concat();
        World::operator(control_plane, registry, &more).await
    }

    /// What a copy is called where nodes pull it from.
    pub fn copy(&self, here: &Namespace<'_>, name: &str, reference: &str) -> String {
        format!("{}/{}/{name}@{}", self.proxy.address(), here.name, digest_of(reference))
    }

    /// The digest that a tag of a Tag's repository names in the cache.
    pub async fn digest(&self, here: &Namespace<'_>, name: &str, tag: &str) -> Option<String> {
        self.cache.target().digest(&format!("{}/{name}", here.name), tag).await.unwrap()
    }
}

impl Namespace<'_> {
    /// A Tag whose images pass through the proxy before the source.
    pub fn proxied_tag(&self, name: &str, more: Value) -> Value {
        let from = format!("{}/{}/{name}:latest", self.world.proxy.address(), self.name);
        let mut tag = self.tag(name, json!({ "from": from }));
        tag["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tag
    }

    /// Changes fields of a Tag's specification.
    pub async fn patch_tag(&self, name: &str, spec: Value) {
        let patch = json!({ "spec": spec }).to_string();
        self.kubectl(&["patch", "tag", name, "--type=merge", "-p", &patch]).await.unwrap();
    }

    /// Waits until the images of a Tag's generations, newest first, are these and the Tag is Ready.
    pub async fn wait_for_references(&self, tag: &str, references: &[String]) {
        eventually(&format!("Tag {tag} Ready with {references:?}"), || async {
            let tag = self.get("tag", tag).await?;
            let ready = tag["status"]["conditions"].as_array()?.iter().any(|told| {
                told["type"] == "Ready"
                    && told["status"] == "True"
                    && told["observedGeneration"] == tag["metadata"]["generation"]
            });
            let known = tag["status"]["references"].as_array()?;
            let images: Vec<_> = known.iter().filter_map(|known| known["imageReference"].as_str()).collect();
            (ready && images == references).then_some(())
        })
        .await;
    }
}

/// The digest of a reference.
pub fn digest_of(reference: &str) -> &str {
    reference.split_once('@').unwrap().1
}

/// Reads an image with all that belongs to it, as a node would, each part by its digest. Says how many parts there are.
pub async fn pull(target: &Target, repository: &str, digest: &str) -> usize {
    let (mut open, mut seen) = (vec![digest.to_owned()], HashSet::new());
    let mut blobs = HashSet::new();
    while let Some(next) = open.pop() {
        if !seen.insert(next.clone()) {
            continue;
        }
        let (_, bytes) = target.manifest(repository, &next).await.unwrap().unwrap();
        assert_eq!(tagger_testkit::manifest::digest(&bytes), next);
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let digests = |field: &str| {
            let parts = manifest[field].as_array().cloned().unwrap_or_default();
            parts.into_iter().map(|part| part["digest"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        open.extend(digests("manifests"));
        blobs.extend(digests("layers"));
        blobs.extend(manifest["config"]["digest"].as_str().map(str::to_owned));
    }
    for blob in &blobs {
        assert!(target.has_blob(repository, blob).await.unwrap(), "{blob}");
    }
    seen.len() + blobs.len()
}
