//! The workloads: watched, indexed by the Tags that they follow, rolled out and repaired.

mod index;
mod object;
mod pace;
mod plan;
mod rollout;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures::future::ready;
use futures::stream::select;
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::Store;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, reflector};
use kube::{Api, Client, Resource, ResourceExt};
use tagger_api::annotations::Targets;
use tagger_api::index::TagIndex;
use tagger_api::workload::Kind;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tracing::Instrument;

use crate::events::{Events, Tone};
use crate::leadership::{self, Leadership};
use crate::metrics::{Metrics, RolledOut};
use crate::retries::{Retries, until};
use crate::suspended::Suspended;
use crate::tags::CONFLICTED;
use crate::watching::kept;
pub(crate) use index::Index;
pub(crate) use object::{Served, Workload};
pub(crate) use pace::Pace;
use rollout::By;

/// A namespace that nobody but the cluster itself should have a say in.
const KUBE_SYSTEM: &str = "kube-system";

/// What keeping the workloads of one kind takes.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) leadership: Leadership,
    pub(crate) served: Served,
    pub(crate) own_namespace: String,
    pub(crate) tags: Arc<TagIndex>,
    pub(crate) suspended: Arc<Suspended>,
    pub(crate) events: Events,
    pub(crate) metrics: Metrics,
    pub(crate) retries: Retries,
    /// What the roll-outs of all kinds share.
    pub(crate) pace: Arc<Pace>,
}

/// The workloads of one kind, ready to be watched.
pub(crate) struct Keeper {
    pub(crate) index: Index,
    context: Arc<Context>,
    writer: reflector::store::Writer<Workload>,
    reader: Store<Workload>,
    woken: mpsc::UnboundedReceiver<reflector::ObjectRef<Workload>>,
}

impl Keeper {
    /// Makes the store and the index of one kind.
    pub(crate) fn new(context: Context) -> Self {
        let writer = reflector::store::Writer::new(context.served);
        let reader = writer.as_reader();
        let (index, woken) = Index::new(context.served, reader.clone());
        Self { index, context: Arc::new(context), writer, reader, woken }
    }

    /// Watches the workloads until told to stop. `began` becomes true with each term of this process; `listed` is called when all
    /// of them are known.
    pub(crate) async fn run(
        self,
        concurrency: u16,
        began: watch::Receiver<bool>,
        listed: impl FnOnce() + Send + 'static,
        stop: CancellationToken,
    ) {
        let Self { index, context, writer, reader, mut woken } = self;
        let (noting, mut listed) = (context.clone(), Some(listed));
        let events = governed(&context).inspect(move |event| {
            let Ok(event) = event else { return };
            noting.tell_detached(event, &index);
            index.note(event);
            if let Event::Delete(gone) = event {
                noting.retries.forget(uid(gone));
            }
            if matches!(event, Event::InitDone) {
                listed.take().into_iter().for_each(|listed| listed());
            }
        });
        let (changed, relisted) = kept(events, writer, context.served);
        let woken = futures::stream::poll_fn(move |task| woken.poll_recv(task));
        let stopped: WaitForCancellationFutureOwned = stop.cancelled_owned();
        Controller::for_stream_with(changed, reader, context.served)
            .reconcile_all_on(select(leadership::terms(began), relisted))
            .reconcile_on(woken)
            .with_config(Config::default().concurrency(concurrency))
            .graceful_shutdown_on(stopped)
            .run(reconcile, after_error, context)
            .for_each(|_| async {})
            .await;
    }
}

/// The watch of a kind, narrowed to the workloads that Tagger governs. One that it governs no more is told as deleted.
fn governed(context: &Context) -> impl Stream<Item = Result<Event<Workload>, watcher::Error>> + Send + use<> {
    let (served, own_namespace) = (context.served, context.own_namespace.clone());
    let metrics = context.metrics.clone();
    let api: Api<Workload> = Api::all_with(context.client.clone(), &served);
    kube::runtime::watcher(api, watcher::Config::default())
        .default_backoff()
        .inspect(move |event| {
            if let Err(error) = event {
                metrics.watch_of_workloads_failed(served.kind);
                tracing::warn!(kind = served.kind.names().1, %error, "the watch of workloads broke and begins anew");
            }
        })
        .filter_map(move |event| ready(narrowed(served.kind, &own_namespace, event)))
}

fn narrowed(
    kind: Kind,
    own_namespace: &str,
    event: Result<Event<Workload>, watcher::Error>,
) -> Option<Result<Event<Workload>, watcher::Error>> {
    match event {
        Ok(Event::Apply(workload)) if !is_governed(kind, own_namespace, &workload) => {
            Some(Ok(Event::Delete(workload)))
        }
        Ok(Event::InitApply(workload)) if !is_governed(kind, own_namespace, &workload) => None,
        other => Some(other),
    }
}

/// Whether Tagger has a say in a workload: the same that admission goes by.
fn is_governed(kind: Kind, own_namespace: &str, workload: &Workload) -> bool {
    let namespace = workload.metadata.namespace.as_deref().unwrap_or_default();
    workload.is_annotated()
        && ![own_namespace, KUBE_SYSTEM].contains(&namespace)
        && !(kind.is_made_by_controllers() && workload.is_controlled)
}

/// Looks at a workload, where this process leads.
async fn reconcile(workload: Arc<Workload>, context: Arc<Context>) -> Result<Action, rollout::Error> {
    let since = Instant::now();
    let kind = context.served.kind;
    let (namespace, name) = (workload.namespace(), workload.name_any());
    let unit = tracing::error_span!("reconcile", kind = kind.names().1, namespace, name);
    let looked = context.leadership.work(step(&workload, &context).instrument(unit)).await;
    let Some(outcome) = looked else { return Ok(Action::await_change()) };
    context.metrics.looked_at_workload(kind, since, outcome.is_ok());
    outcome
}

async fn step(workload: &Workload, context: &Context) -> Result<Action, rollout::Error> {
    let targets = context.targets(workload);
    if workload.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let now = Timestamp::now();
    let version = version(&targets);
    if let Some(due) = context.retries.due(uid(workload), version, now).filter(|due| *due > now) {
        return Ok(Action::requeue(until(due, now)));
    }
    if targets.is_empty() {
        if workload.is_ours_in_part {
            rollout::give_back(&context.client, context.served, workload).await?;
            return Ok(Action::requeue(CONFLICTED));
        }
        context.retries.forget(uid(workload));
        return Ok(Action::await_change());
    }
    if context.served.kind == Kind::Job {
        context.tell_that_a_job_cannot_change(workload, &targets);
        return Ok(Action::await_change());
    }
    context.pace.turn().await;
    if context.targets(workload) != targets {
        // A Tag moved while this waited.
        return Ok(Action::requeue(Duration::ZERO));
    }
    let by = rollout::roll_out(&context.client, context.served, workload, &targets).await?;
    context.retries.forget(uid(workload));
    context.tell_rolled_out(workload, &targets, by);
    Ok(if by == By::Nobody { Action::requeue(CONFLICTED) } else { Action::await_change() })
}

fn after_error(workload: Arc<Workload>, error: &rollout::Error, context: Arc<Context>) -> Action {
    let now = Timestamp::now();
    let targets = context.targets(&workload);
    let (uid, version) = (uid(&workload), version(&targets));
    let due = match error.is_refusal() {
        true => context.retries.failed(uid, version, None, Duration::ZERO, now),
        false => context.retries.unserved(uid, version, now),
    };
    let (kind, name) = (context.served.kind.names().1, workload.name_any());
    tracing::warn!(kind, namespace = workload.namespace(), name, %error, "roll-out: trying again");
    context.metrics.rolled_out(context.served.kind, RolledOut::Failed);
    context.tell(&workload, Tone::Warning, "RollOutFailed", error.to_string());
    Action::requeue(until(due, now).max(Duration::from_millis(100)))
}

/// What is being tried, as a number: other references are tried at once, whatever became of these.
fn version(targets: &Targets) -> Option<i64> {
    let mut hasher = DefaultHasher::new();
    targets.hash(&mut hasher);
    Some(hasher.finish().cast_signed())
}

impl Context {
    /// What a workload is to be rolled out to at this moment.
    fn targets(&self, workload: &Workload) -> Targets {
        plan::targets(self.served.kind, workload, &self.tags, &self.suspended)
    }

    fn tell(&self, workload: &Workload, tone: Tone, reason: &str, note: String) {
        self.events.tell(workload.object_ref(&self.served), tone, reason, "RollOut", note);
    }

    fn tell_rolled_out(&self, workload: &Workload, targets: &Targets, by: By) {
        let told: Vec<String> =
            targets.iter().map(|(tag, reference)| format!("Tag {tag} is {reference}")).collect();
        let (result, how) = match by {
            By::Nobody => return,
            By::Admission => (RolledOut::ByAdmission, ""),
            By::Controller => {
                (RolledOut::Repaired, " (written by the controller, since admission did not answer)")
            }
        };
        self.metrics.rolled_out(self.served.kind, result);
        let (kind, namespace, name) = (self.served.kind.names().1, workload.namespace(), workload.name_any());
        tracing::info!(kind, namespace, name, ?by, "rolled out: {}", told.join(", "));
        self.tell(workload, Tone::Normal, "RolledOut", format!("{}{how}", told.join(", ")));
    }

    fn tell_that_a_job_cannot_change(&self, workload: &Workload, targets: &Targets) {
        let tags: Vec<&str> = targets.keys().map(String::as_str).collect();
        let note = format!(
            "names Tag {} but was created while admission was away, and a Job's images can't be changed: delete it and create it again",
            tags.join(", "),
        );
        self.tell(workload, Tone::Warning, "ImageNotWritten", note);
    }

    /// Tells of each container that followed a Tag before this event and does so no more.
    fn tell_detached(&self, event: &Event<Workload>, index: &Index) {
        let Event::Apply(now) = event else { return };
        if !self.leadership.leads() {
            return;
        }
        let Some(before) = index.before(now) else { return };
        let follows = now.follows();
        for (slot, old) in before.follows() {
            let image = now.slots.iter().find(|place| place.name == slot).map(|place| &place.image);
            if let (None, Some(image)) = (follows.get(&slot), image) {
                let note = format!(
                    "{slot} has the image {image} now and follows Tag {} no more; set its image to {} to attach it again",
                    old.tag, old.tag,
                );
                self.metrics.detached(self.served.kind);
                self.tell(now, Tone::Normal, "Detached", note);
            }
        }
    }
}

fn uid(workload: &Workload) -> &str {
    workload.metadata.uid.as_deref().unwrap_or_default()
}
