//! The admission webhook: how fast it answers, with how much memory, what it adds to a write, and whether registries matter to it.

mod bare;
mod load;
mod report;
mod reviews;
mod spent;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::Api;
use kube::api::PostParams;
use tagger_api::{Tag, TagSpec};
use tagger_testkit::assets::Assets;
use tagger_testkit::control_plane::ControlPlaneOptions;
use tagger_testkit::operator::Operator;
use tagger_testkit::proxy::{Fault, Match};
use tokio::time::sleep;

use super::arrivals::Arrivals;
use super::cluster::{self, Cluster};
use super::crowd::each;
use super::farm::{self, Farm};
use super::figures::mebibytes;
use super::processor;
use load::{Pace, Webhook};
use report::{Direct, Report, Round, WANTED};
use reviews::Review;
use spent::Spent;
use writes::Sides;

/// Over how many registries the Tags are spread.
const REGISTRIES: usize = 4;
/// How many different reviews there are.
const REVIEWS: usize = 1024;
/// The namespace of the Tags and of the workloads.
const NAMESPACE: &str = "shop";
/// What is left to the operator before each measurement, to get over the one before.
const BREATH: Duration = Duration::from_secs(2);

/// The flags of `bench admission`.
#[derive(Args)]
pub(crate) struct Options {
    /// How many Tags there are
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(8..=100_000))]
    tags: u32,
    /// Over how many connections the webhook is asked
    #[arg(long, value_name = "NUMBER", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=512))]
    connections: u32,
    /// For how long each load lasts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How many times each load comes, and how many rounds of writes
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// How many Deployments a round of writes makes on each side; each is written three times
    #[arg(long, value_name = "NUMBER", default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    writes: u32,
    /// Another build of the operator to measure, such as that of an older commit
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    /// A file that the figures are written to as JSON, besides
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let tags = usize::try_from(options.tags)?;
    let cluster =
        Cluster::set(&Assets::obtain().await?, &ControlPlaneOptions::default(), options.operator.as_deref())
            .await?;
    let farm = Farm::start(REGISTRIES, tags).await?;
    let operator = cluster.operator(&farm.flags()).await?;
    let api = cluster.namespace(NAMESPACE).await?;
    let arrivals = Arrivals::open(&api).await?;
    farm.follow(&api, None).await?;
    arrivals.of(tags).await.with_context(|| cluster::log_of(&operator))?;
    drop(arrivals);
    // What importing took is not what admission takes.
    operator.stop()?;
    operator.start_again().await?;
    sleep(BREATH).await;

    let digests = (0..tags).map(|number| farm.digest(number, 0)).collect::<Result<Vec<_>>>()?;
    let reference = |tag: usize| {
        let from = farm.from(tag);
        format!("{}@{}", from.rsplit_once(':').map_or("", |(repository, _)| repository), digests[tag])
    };
    let reviews = reviews::reviews(REVIEWS, NAMESPACE, tags, reference)?;
    let bytes_of_a_review = reviews.iter().map(|review| review.body.len()).sum::<usize>() / REVIEWS;
    let webhook = Arc::new(Webhook::new(operator.admission(), &bundle(&cluster).await?)?);
    let scene = Scene { operator, webhook, reviews: Arc::new(reviews), options };
    operator_is_warm(&scene).await?;

    let full = scene.measure("at full speed", Pace::Full).await?;
    let steady = scene.measure("at a steady rate", Pace::Steady(WANTED)).await?;
    let (_, peak) = scene.operator.memory()?;
    let sides = Sides::set(&cluster, NAMESPACE).await?;
    let mut rounds = Vec::new();
    let kubectl = cluster.control_plane.kubectl();
    let before = Spent::so_far(&scene.operator, &kubectl).await?;
    for round in 0..usize::try_from(options.repeat)? {
        eprintln!("writes through the API server: round {}", round + 1);
        let took = sides.write(round, usize::try_from(options.writes)?, tags).await;
        rounds.push(Round::from(took.with_context(|| cluster::log_of(&scene.operator))?));
    }
    let review = Spent::so_far(&scene.operator, &kubectl).await?.mean_since(&before)?;
    every_registry_hangs(&farm, &api).await?;
    let hanging = scene.measure("every registry hangs", Pace::Steady(WANTED)).await?;
    let report = Report {
        tags,
        connections: usize::try_from(options.connections)?,
        kubernetes: cluster.control_plane.version().to_string(),
        bytes_of_a_review,
        full,
        steady,
        hanging,
        peak_mebibytes: mebibytes(peak),
        rounds,
        review,
    };
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))?;
    }
    println!("\n{report}");
    Ok(())
}

/// The authorities that the API server is told to trust.
async fn bundle(cluster: &Cluster) -> Result<Vec<u8>> {
    let api: Api<MutatingWebhookConfiguration> = Api::all(cluster.client.clone());
    let webhooks = api.get("tagger").await?.webhooks.unwrap_or_default();
    let bundle = webhooks.into_iter().find_map(|webhook| webhook.client_config.ca_bundle);
    Ok(bundle.context("the webhook is registered without a bundle")?.0)
}

/// Asks each review once, so that nothing is done for the first time while it is measured.
async fn operator_is_warm(scene: &Scene<'_>) -> Result<()> {
    let asked = load::ask(&scene.webhook, &scene.reviews, 4, REVIEWS, Pace::Full).await;
    asked.map(drop).with_context(|| cluster::log_of(&scene.operator))
}

struct Scene<'a> {
    operator: Operator,
    webhook: Arc<Webhook>,
    reviews: Arc<Vec<Review>>,
    options: &'a Options,
}

impl Scene<'_> {
    async fn measure(&self, name: &str, pace: Pace) -> Result<Vec<Direct>> {
        let connections = usize::try_from(self.options.connections)?;
        let count = usize::try_from(WANTED * self.options.seconds)?;
        let mut all = Vec::new();
        for number in 1..=self.options.repeat {
            eprintln!("{name}: {number} of {}", self.options.repeat);
            sleep(BREATH).await;
            let used = processor::used();
            let seen = load::ask(&self.webhook, &self.reviews, connections, count, pace).await;
            let seen = seen.with_context(|| cluster::log_of(&self.operator))?;
            all.push(Direct::new(seen, processor::since(&used)));
        }
        Ok(all)
    }
}

/// Lets every registry take connections and never answer, and has the operator ask them all.
async fn every_registry_hangs(farm: &Farm, tags: &Api<Tag>) -> Result<()> {
    for source in &farm.sources {
        source.proxy().fault(Match::any(), Fault::never());
    }
    let specs: Vec<TagSpec> = (0..REGISTRIES * 100)
        .map(|number| TagSpec { from: farm.from(number % REGISTRIES), ..TagSpec::default() })
        .collect();
    let create = async |on: Arc<(Api<Tag>, Vec<TagSpec>)>, number: usize| {
        let (api, specs) = &*on;
        let tag = Tag::new(&format!("hangs-{}", farm::name(number)), specs[number].clone());
        api.create(&PostParams::default(), &tag).await.context("create a Tag").map(drop)
    };
    let (count, on) = (specs.len(), (tags.clone(), specs));
    each(count, on, create).await
}
