//! Brings Tags to the generation they are wanted at, and workloads to the images of their Tags.
//!
//! Level-based: everything is decided from what is stored now, so a process that was killed at any step takes up where the
//! stored state is. Two loops share one index of Tags ([`tagger_api::index::TagIndex`]), which admission reads as well:
//!
//! * the Tags' loop imports, steps up and down, and writes status.
//!   What takes long, copies into the cache, is done by jobs beside it, and published when they have ended;
//! * the workloads' loops, one a kind, roll out what the Tags' loop published, and repair what came in while admission was away.

mod attention;
pub mod cache;
mod credentials;
mod events;
mod hearing;
pub mod leadership;
mod looks;
mod matching;
mod metrics;
mod mirrors;
mod relay;
mod retries;
mod suspended;
mod tags;
mod usage;
mod watching;
mod workloads;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{join, join_all};
use futures::stream::BoxStream;
use jiff::Timestamp;
use kube::Client;
use kube::runtime::reflector::{self, Store};
use tagger_api::Tag;
use tagger_api::index::TagIndex;
use tagger_api::workload::Kind;
use tagger_core::reference::Reference;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use attention::Attention;
use cache::Cache;
use credentials::Credentials;
use events::Events;
use hearing::Ear;
use leadership::Leadership;
use looks::{Eyes, Looks};
use matching::Repositories;
pub use metrics::Metrics;
use metrics::Observed;
use mirrors::{Lost, Mirrors, Places, Tidier};
use relay::Relay;
use retries::Retries;
use suspended::Suspended;
use usage::Usage;
use workloads::{Keeper, Pace, Served};

/// How the controller works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of this process in Events, such as the Pod's.
    pub instance: String,
    /// Whether this process is the one that reconciles. All others watch, so that admission can answer, and tell the one of pushes.
    pub leadership: Leadership,
    /// Tagger's own namespace. Nothing in it, nor in `kube-system`, is touched, as with admission.
    pub namespace: String,
    /// How many Tags are imported at once from one registry.
    pub imports: usize,
    /// How many images are copied into the cache at once from one registry.
    pub mirrors: usize,
    /// How many workloads of a kind are rolled out at once.
    pub roll_outs: u16,
    /// How many workloads are rolled out a second, of all kinds together.
    pub roll_out_rate: u16,
    /// Where images are mirrored, as far as an administrator said so.
    pub cache: cache::CacheSettings,
    /// Where what is done is counted.
    pub metrics: Metrics,
}

/// Runs the controller until it is told to stop, and then until what is under way is done.
///
/// `index` is kept up to date from the watch of Tags. `pushes` are the tags that registries tell of; each is a hint, and no more.
/// `ready` becomes true when every watch has told all that there is.
pub async fn run(
    client: Client,
    registry: tagger_registry::Client,
    settings: Settings,
    index: Arc<TagIndex>,
    pushes: BoxStream<'static, Vec<Reference>>,
    ready: watch::Sender<bool>,
    stop: CancellationToken,
) {
    let Some(kinds) = served_kinds(&client, &stop).await else { return };
    let suspended = Arc::new(Suspended::default());
    let metrics = settings.metrics;
    let (events, writing) = Events::new(client.clone(), &settings.instance, metrics.clone());
    let pace = Arc::new(Pace::of(settings.roll_out_rate));
    let keepers: Vec<Keeper> = kinds
        .into_iter()
        .map(|served| {
            let (client, events) = (client.clone(), events.clone());
            Keeper::new(workloads::Context {
                client,
                leadership: settings.leadership.clone(),
                served,
                own_namespace: settings.namespace.clone(),
                tags: index.clone(),
                suspended: suspended.clone(),
                events,
                metrics: metrics.clone(),
                retries: Retries::default(),
                pace: pace.clone(),
            })
        })
        .collect();
    let indexes: Vec<_> = keepers.iter().map(|keeper| keeper.index.clone()).collect();
    let (tags, writer) = reflector::store();
    let (wake, endings) = mpsc::unbounded_channel();
    let leadership = settings.leadership;
    let mirrors = Mirrors::new(leadership.clone(), wake.clone());
    let repositories = Arc::new(Repositories::default());
    let attention = Arc::new(Attention::new(Timestamp::now()));
    let credentials = Arc::new(Credentials::new(client.clone(), registry.clone(), events.clone()));
    let looking = Eyes::looking(credentials.clone());
    let looks = Looks::new(settings.imports, looking, attention.clone(), metrics.clone(), wake.clone());
    let _observed = metrics.observe(Observed {
        tags: tags.clone(),
        workloads: indexes.clone(),
        longest_wait: Box::new(looks.longest_wait()),
    });
    let usage = Usage { client: client.clone(), workloads: indexes.clone() };
    let context = Arc::new(tags::context::Context {
        cache: Cache::new(client.clone(), settings.cache),
        credentials,
        client: client.clone(),
        leadership,
        registry,
        tidier: Arc::new(Tidier::new(events.clone(), usage.clone(), tags.clone())),
        events,
        metrics: metrics.clone(),
        retries: Retries::default(),
        attention,
        looks,
        usage,
        mirrors,
        places: Arc::new(Places::new(settings.mirrors)),
        lost: Lost::default(),
        requests: tags::Requests::default(),
        written_over: Mutex::default(),
        refused: Mutex::default(),
    });
    let missing = Arc::new(AtomicUsize::new(keepers.len() + 1));
    let ready = Arc::new(ready);
    let delivered = || {
        let (missing, ready) = (missing.clone(), ready.clone());
        move || {
            if missing.fetch_sub(1, Ordering::AcqRel) == 1 {
                ready.send_replace(true);
            }
        }
    };
    let stored = watch::Sender::new(false);
    let relay = Arc::new(Relay::default());
    let (begins, began) = watch::channel(false);
    let turning = turn(context.clone(), tags.clone(), relay.clone(), begins);
    let _turning = AbortOnDropHandle::new(tokio::spawn(turning));
    let ear = Ear {
        repositories: repositories.clone(),
        tags,
        stored: stored.subscribe(),
        context: context.clone(),
        metrics,
        relay: relay.clone(),
        wake,
    };
    let _listening = AbortOnDropHandle::new(tokio::spawn(ear.listen(pushes)));
    let relaying = AbortOnDropHandle::new(tokio::spawn({
        let (relay, client) = (relay.clone(), client.clone());
        async move { relay.run(&client).await }
    }));
    let watched = tags::Watched {
        index,
        suspended,
        workloads: indexes,
        repositories,
        writer,
        stored,
        endings,
        began: began.clone(),
    };
    let tags = tags::run(context, watched, delivered(), stop.clone());
    let concurrency = settings.roll_outs;
    let workloads: Vec<_> = keepers
        .into_iter()
        .map(|keeper| keeper.run(concurrency, began.clone(), delivered(), stop.clone()))
        .collect();
    let writing = tokio::spawn(writing);
    join(tags, join_all(workloads)).await;
    drop(relaying);
    let _ = tokio::time::timeout(Duration::from_secs(2), relay.flush(&client)).await;
    // The tellers are gone with the loops, so the writer ends when it has written what it was told; it is not waited for long.
    let _ = tokio::time::timeout(Duration::from_secs(2), writing).await;
}

/// At each turn, as this process leads from now on or does so no more, begins anew, and says so in `begins`. What it was told and had
/// no answer to is told to who leads then.
async fn turn(
    context: Arc<tags::context::Context>,
    tags: Store<Tag>,
    relay: Arc<Relay>,
    begins: watch::Sender<bool>,
) {
    let mut turns = context.leadership.turns();
    // It may have been told before anybody listened.
    turns.mark_changed();
    while turns.changed().await.is_ok() {
        let leads = *turns.borrow_and_update();
        context.metrics.leads(leads);
        let open = context.restart();
        if !open.is_empty() {
            let is_open = |tag: &Tag| tag.metadata.uid.as_ref().is_some_and(|uid| open.contains(uid));
            tags.state_filter(is_open).iter().for_each(|tag| relay.tell(tag));
        }
        begins.send_replace(leads);
    }
}

/// The kinds of workloads, each in the version that the API server serves: CronJobs were `v1beta1` before Kubernetes 1.21.
/// None where it was told to stop before the server answered.
async fn served_kinds(client: &Client, stop: &CancellationToken) -> Option<Vec<Served>> {
    let cron_jobs = loop {
        match kube::discovery::group(client, "batch").await {
            Ok(group) => {
                let is_served = |version| {
                    group.versioned_resources(version).iter().any(|(known, _)| known.kind == "CronJob")
                };
                break if is_served("v1") { "v1" } else { "v1beta1" };
            }
            Err(error) => tracing::warn!(%error, "the API server does not answer; trying again"),
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    };
    let version = |kind| if kind == Kind::CronJob { cron_jobs } else { "v1" };
    Some(Kind::ALL.into_iter().map(|kind| Served { kind, version: version(kind) }).collect())
}
