//! `kubectl tag push`.

use std::sync::Arc;

use clap::Args;
use kube::ResourceExt;
use tagger_api::Tag;
use tagger_core::reference::Digest;
use tagger_registry::{Choice, Destination, OnDisk, Platform};

use crate::Exit;
use crate::arguments::{DryRunFlag, OutputFlag, RegistryFlags, WaitFlags};
use crate::cache::CachePlace;
use crate::problem::Problem;
use crate::registry::Registries;
use crate::session::Session;
use crate::steering::{Change, Steer, step};
use crate::tags;
use crate::transfer::{Bar, THERE, not_pushed, of_disk, told};

/// Makes an image from disk a generation in the cache.
#[derive(Clone, Debug, Args)]
pub struct Push {
    /// The Tag
    #[arg(value_name = "NAME", add = clap_complete::ArgValueCompleter::new(super::completion::tag_names))]
    pub name: String,

    /// The image: a folder or archive of OCI, or an archive of docker save
    #[arg(value_name = "PATH")]
    pub path: std::path::PathBuf,

    /// Which image, where PATH has several: its name, its tag or its digest
    #[arg(long, value_name = "NAME")]
    pub image: Option<String>,

    /// Only this platform, of an image for several: linux/amd64
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,

    /// The cache, where neither a mirrored generation nor the cluster says where it is: host[:port][/path]
    #[arg(long, value_name = "HOST", env = "TAGGER_CACHE_REGISTRY", hide_env_values = true)]
    pub cache_registry: Option<CachePlace>,

    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunFlag,

    /// Whether to wait.
    #[command(flatten)]
    pub wait: WaitFlags,

    /// Which registries may be asked, and how.
    #[command(flatten)]
    pub registries: RegistryFlags,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Push {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let tag = tags::find(session.cluster().await?, &self.name).await?;
        // What could not be published is not uploaded.
        step::import(&tag)?;
        let choice = Choice { name: self.image.clone(), platform: self.platform.clone() };
        let image = OnDisk::open(&self.path, &choice).await.map_err(|error| of_disk(&error))?;
        let registries = Registries::new(session, &self.registries)?;
        let cache = self.cache(session, &registries, &tag).await?;
        let destination = destination(&cache, &tag)?;
        let place = format!("{}/{}", destination.registry, destination.repository);
        let digest = image.digest().clone();
        if self.dry_run.dry_run.is_some() {
            let size = indicatif::HumanBytes(image.bytes());
            session.screen.note(format_args!("{digest}, {size}, would go to {place}"));
        } else {
            let client = registries.client_of(&destination.registry).await?;
            let bar = Bar::new(&self.name);
            let pushed = client.push(&Arc::new(image), &destination, Some(bar.tell())).await;
            drop(bar);
            let pushed = pushed.map_err(|error| not_pushed(&error))?;
            let went = told(&[(pushed.sent, "sent"), (pushed.present, THERE)]);
            session.screen.note(format_args!("{digest} is in {place}: {went}"));
        }
        let steer = Steer { dry_run: self.dry_run, output: self.output, wait: Some(self.wait) };
        steer.change(session, &self.name, |tag| asked(tag, &digest)).await
    }

    /// Where the cache is. Where it is mirrored to is the operator's own word, and so it goes before what the cluster's maker said.
    async fn cache(
        &self,
        session: &Session,
        registries: &Registries<'_>,
        tag: &Tag,
    ) -> Result<CachePlace, Problem> {
        if let Some(place) = self.cache_registry.clone().or_else(|| mirrored(tag)) {
            return Ok(place);
        }
        let cluster = session.cluster().await?;
        let others = tags::list(cluster, tag.namespace().as_deref(), None).await?;
        if let Some(place) = others.iter().find_map(mirrored) {
            return Ok(place);
        }
        registries.own_of_the_cluster().await.ok_or_else(|| {
            Problem::Registry(
                "nobody says where the cluster's cache is: no Tag here has a mirrored generation, and there is no ConfigMap kube-public/local-registry-hosting".to_owned(),
                Some("--cache-registry HOST says it: the CACHE_REGISTRY_ADDRESS of the operator".to_owned()),
            )
        })
    }
}

/// Where a Tag's generations are mirrored to.
fn mirrored(tag: &Tag) -> Option<CachePlace> {
    let (namespace, name) = (tag.namespace()?, tag.name_any());
    let mut known = tag.status.iter().flat_map(|status| status.references.iter());
    known.find_map(|known| CachePlace::of(&namespace, &name, known))
}

/// Where an upload goes: the Tag's own repository, under the tag that the operator gives its generation, since registries clear
/// away what has none.
fn destination(cache: &CachePlace, tag: &Tag) -> Result<Destination, Problem> {
    let repository = cache.repository(&tag.namespace().unwrap_or_default(), &tag.name_any())?;
    let held = format!("g{}", step::history(tag).next_number());
    let held = held.parse().map_err(|error| Problem::Invalid(format!("{error}"), None))?;
    Ok(Destination { registry: cache.registry.clone(), repository, tags: vec![held] })
}

/// Asks the operator to make the upload the next generation.
fn asked(tag: &Tag, digest: &Digest) -> Result<Change, Problem> {
    Ok(Change::of(step::import(tag)?, tag).of_upload(digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};
    use tagger_core::request::Request;

    fn tag(spec: Value, status: Value) -> Tag {
        serde_json::from_value(json!({
            "apiVersion": "images.io/v1", "kind": "Tag",
            "metadata": { "name": "myapp", "namespace": "team" }, "spec": spec, "status": status,
        }))
        .unwrap()
    }

    fn digest() -> Digest {
        format!("sha256:{}", "ab".repeat(32)).parse().unwrap()
    }

    fn at(generation: i64) -> Value {
        let one = json!({
            "generation": generation, "from": "a/b", "importedAt": "2026-01-01T00:00:00Z",
            "imageReference": format!("a.io/b@{}", digest()),
        });
        json!({ "generation": generation, "references": [one] })
    }

    #[rstest]
    #[case::none_yet(json!({ "from": "a/b" }), json!({}), json!({}), 0)]
    #[case::follows(json!({ "from": "a/b" }), at(3), json!({}), 4)]
    #[case::numbered(json!({ "from": "a/b", "generation": 3 }), at(3), json!({ "generation": 4 }), 4)]
    fn the_next_generation_is_asked_for(
        #[case] spec: Value,
        #[case] status: Value,
        #[case] patched: Value,
        #[case] number: i64,
    ) {
        let change = asked(&tag(spec, status), &digest()).unwrap();
        assert_eq!(change.spec, patched);
        let request = Request { generation: number, digest: Some(digest()), at: None };
        assert_eq!(change.request, Some(request));
    }

    #[test]
    fn an_upload_goes_to_the_tags_own_repository_under_a_tag_that_holds_it() {
        let cache: CachePlace = "cache.io/mirror".parse().unwrap();
        let to = destination(&cache, &tag(json!({ "from": "a/b" }), at(3))).unwrap();
        assert_eq!(to.repository.as_str(), "mirror/team/myapp");
        assert_eq!(to.tags[0].as_str(), "g4");
    }
}
