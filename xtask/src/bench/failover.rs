//! Two replicas, and the one that reconciles goes: how long until the other one imports, and whether anything is done twice.

mod report;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::events::v1 as k8s;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, watcher};
use tagger_api::{Tag, TagSpec};
use tagger_testkit::assets::Assets;
use tagger_testkit::balancer::Balancer;
use tagger_testkit::operator::{Operator, OperatorOptions};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::arrivals::Arrivals;
use super::cluster::{self, Cluster};
use super::farm::{self, Farm, kinds};
use super::writes::Writes;
use report::{Figures, Report, Way};

/// The replicas.
const NAMES: [&str; 2] = ["first", "second"];
/// How often somebody makes a Tag.
const PAUSE: Duration = Duration::from_millis(50);
/// For how long Tags are made before a replica goes, so that it is at work then.
const BEFORE: Duration = Duration::from_secs(3);
/// How many Tags there may be.
const TAGS: usize = 20_000;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The flags of `bench failover`.
#[derive(Args)]
pub(crate) struct Options {
    /// How often the replica that reconciles goes in each way
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// How long the Lease lasts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=300))]
    lease: u32,
    /// Another build of the operator to measure, such as that of an older commit
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    /// A file that the figures are written to as JSON, besides
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let writes = Writes::new()?;
    let cluster =
        Cluster::set(&Assets::obtain().await?, &writes.options(), options.operator.as_deref()).await?;
    let farm = Farm::start(1, TAGS).await?;
    let tags = cluster.namespace("failover").await?;
    let balancer = Balancer::start(Duration::ZERO).await?;
    let mut replicas = Vec::new();
    for name in NAMES {
        let flags = [farm.flags(), vec!["--instance".to_owned(), name.to_owned()]].concat();
        let lease = ("TAGGER_LEASE_DURATION".to_owned(), options.lease.to_string());
        let options = OperatorOptions {
            flags,
            environment: vec![lease],
            admission_url: Some(balancer.url()),
            ..OperatorOptions::default()
        };
        let operator = cluster.operator_with(&options).await?;
        balancer.add(&operator);
        replicas.push(operator);
    }
    let imports = Imports::watch(Api::namespaced(cluster.client.clone(), "failover"));
    let scene = Scene { leases: Api::namespaced(cluster.client.clone(), "tagger"), imports, replicas };
    let arrivals = Arrivals::open(&tags).await?;
    let maker = Maker::start(&farm, &tags);
    let mut figures = Vec::new();
    for way in [Way::Planned, Way::Killed] {
        for number in 1..=options.repeat {
            eprintln!("{way}: {number} of {}", options.repeat);
            figures.push(scene.measure(way).await.with_context(|| logs(&scene.replicas))?);
        }
    }
    let made = maker.end().await?;
    arrivals.of(made).await.with_context(|| logs(&scene.replicas))?;
    writes.settle(Duration::from_secs(3)).await?;
    let report = Report {
        lease_seconds: options.lease,
        kubernetes: cluster.control_plane.version().to_string(),
        figures,
        tags: made,
        twice: twice(&arrivals.tags()),
        requests: kinds(farm.take_requests().iter().flatten()),
        writes: writes.counts()?,
    };
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))?;
    }
    println!("\n{report}");
    Ok(())
}

struct Scene {
    leases: Api<Lease>,
    imports: Imports,
    replicas: Vec<Operator>,
}

impl Scene {
    /// Has the one that reconciles go, waits until the other one has imported something, and starts it again.
    async fn measure(&self, way: Way) -> Result<Figures> {
        let leader = self.leader().await?;
        sleep(BEFORE).await;
        ensure!(self.leader().await? == leader, "another one leads than a moment ago");
        let (start, at) = (Instant::now(), Timestamp::now());
        tokio::task::block_in_place(|| match way {
            Way::Planned => self.replicas[leader].stop(),
            Way::Killed => self.replicas[leader].kill(),
        })?;
        let gone = start.elapsed();
        let imported = loop {
            if let Some(imported) = self.imports.first_of(NAMES[1 - leader], at) {
                break imported;
            }
            ensure!(start.elapsed() < PATIENCE, "the other one imported nothing within {PATIENCE:?}");
            sleep(Duration::from_millis(20)).await;
        };
        self.replicas[leader].start_again().await?;
        Ok(Figures {
            way,
            gone_seconds: gone.as_secs_f64(),
            imported_seconds: imported.duration_since(at).as_secs_f64(),
        })
    }

    /// The number of the replica that leads.
    async fn leader(&self) -> Result<usize> {
        let start = Instant::now();
        loop {
            let lease = self.leases.get("tagger").await.context("read the Lease")?;
            let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
            if let Some(leader) = (0..NAMES.len()).find(|number| is(&holder, *number)) {
                return Ok(leader);
            }
            ensure!(start.elapsed() < PATIENCE, "nobody leads; the Lease is held by {holder:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Whether the Lease's holder is the replica of this number.
fn is(holder: &str, number: usize) -> bool {
    holder.split_once('_').is_some_and(|(name, _)| name == NAMES[number])
}

fn logs(replicas: &[Operator]) -> String {
    replicas.iter().map(cluster::log_of).collect::<Vec<_>>().join("\n")
}

/// How many Tags have more than the one generation that they asked for.
fn twice(tags: &[Tag]) -> usize {
    let generations = tags.iter().filter_map(|tag| Some(tag.status.as_ref()?.references.len()));
    generations.filter(|generations| *generations > 1).count()
}

/// Who makes a Tag every moment, each with an image of its own.
struct Maker {
    end: CancellationToken,
    task: JoinHandle<Result<usize>>,
}

impl Maker {
    fn start(farm: &Farm, tags: &Api<Tag>) -> Self {
        let end = CancellationToken::new();
        let (ended, tags) = (end.clone(), tags.clone());
        let from: Vec<String> = (0..TAGS).map(|number| farm.from(number)).collect();
        let task = tokio::spawn(async move {
            for (number, from) in from.into_iter().enumerate() {
                if ended.is_cancelled() {
                    return Ok(number);
                }
                let tag = Tag::new(&farm::name(number), TagSpec { from, ..TagSpec::default() });
                tags.create(&PostParams::default(), &tag).await.context("create a Tag")?;
                sleep(PAUSE).await;
            }
            bail!("there are no more than {TAGS} images to follow; measure less at once")
        });
        Self { end, task }
    }

    /// Ends it, and says how many Tags there are.
    async fn end(self) -> Result<usize> {
        self.end.cancel();
        self.task.await.context("who makes Tags broke")?
    }
}

/// Who imported when, by the Events that tell it.
struct Imports {
    told: Arc<Mutex<Vec<(String, Timestamp)>>>,
    _task: AbortOnDropHandle<()>,
}

impl Imports {
    fn watch(api: Api<k8s::Event>) -> Self {
        let told: Arc<Mutex<Vec<_>>> = Arc::default();
        let noted = told.clone();
        let mut events = watcher(api, watcher::Config::default()).default_backoff().applied_objects().boxed();
        let task = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let Ok(event) = event else { continue };
                if let (Some("Imported"), Some(who), Some(when)) =
                    (event.reason.as_deref(), event.reporting_instance, event.event_time)
                {
                    noted.lock().unwrap_or_else(PoisonError::into_inner).push((who, when.0));
                }
            }
        });
        Self { told, _task: AbortOnDropHandle::new(task) }
    }

    /// When this replica imported first after this moment.
    fn first_of(&self, who: &str, after: Timestamp) -> Option<Timestamp> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|(name, when)| name == who && *when > after).map(|(_, when)| *when).min()
    }
}
