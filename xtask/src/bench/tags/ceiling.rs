//! What the registry and the API server need by themselves for the requests that the Tags cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kube::Api;
use kube::api::PostParams;
use reqwest::{Certificate, Method};
use tagger_api::Tag;
use tagger_testkit::registry::Registry;

use super::images::Pushed;
use crate::bench::arrivals::Arrivals;
use crate::bench::crowd::each;

/// What the operator says it takes, see `crates/registry`.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    */*;q=0.1";

/// A bare client of the registry.
struct Asker {
    client: reqwest::Client,
    base: String,
    images: Arc<Vec<Pushed>>,
}

/// Asks the registry as an import does, by a bare client: for each image a HEAD by tag, then a GET by digest.
pub(super) async fn of_registry(registry: &Registry, images: &Arc<Vec<Pushed>>) -> Result<Duration> {
    let ca = registry.ca_file().context("the registry serves no TLS")?;
    let ca = Certificate::from_pem(&std::fs::read(ca).context("read the registry's authority")?)?;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).tcp_nodelay(true).build()?;
    let asker = Asker { client, base: format!("https://{}/v2", registry.address()), images: images.clone() };
    let start = Instant::now();
    each(images.len(), asker, ask).await?;
    Ok(start.elapsed())
}

async fn ask(asker: Arc<Asker>, number: usize) -> Result<()> {
    let Pushed { repository, tag, digest } = &asker.images[number];
    for (method, target) in [(Method::HEAD, tag), (Method::GET, digest)] {
        let url = format!("{}/{repository}/manifests/{target}", asker.base);
        let answer = asker.client.request(method, url).header("Accept", ACCEPT).send().await?;
        let answer = answer.error_for_status()?;
        let named = answer.headers().get("docker-content-digest").is_some_and(|named| named == digest);
        ensure!(named, "the registry has something else at {repository}:{tag}");
        answer.bytes().await?;
    }
    Ok(())
}

/// Writes Tags like these as they were written, by a bare client: each is created, then given its status. It is over as it
/// is with the operator: when a watch has told of the last one.
pub(super) async fn of_api_server(api: &Api<Tag>, like: Vec<Tag>) -> Result<Duration> {
    let count = like.len();
    let arrivals = Arrivals::open(api).await?;
    let start = Instant::now();
    each(count, (api.clone(), like), write).await.context("write Tags with no operator")?;
    Ok(arrivals.of(count).await?.duration_since(start))
}

async fn write(on: Arc<(Api<Tag>, Vec<Tag>)>, number: usize) -> Result<()> {
    let (api, like) = &*on;
    let Tag { metadata, spec, status } = &like[number];
    let name = metadata.name.as_deref().unwrap_or_default();
    let created = api.create(&PostParams::default(), &Tag::new(name, spec.clone())).await?;
    let written = Tag { status: status.clone(), ..created };
    api.replace_status(name, &PostParams::default(), &written).await?;
    Ok(())
}
