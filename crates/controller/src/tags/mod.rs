//! The Tags: watched, kept in the index that admission reads, and brought to where they are wanted.

mod asking;
mod cached;
pub(crate) mod context;
mod decoding;
pub(crate) mod outcome;
mod publishing;
mod reconcile;
mod relayed;
mod requests;
mod uploaded;

use std::collections::HashSet;
use std::sync::Arc;

use futures::stream::select;
use futures::{Stream, StreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Config, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt};
use tagger_api::index::TagIndex;
use tagger_api::{Tag, TagSpec};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::leadership;
use crate::matching::Repositories;
use crate::metrics::Metrics;
use crate::suspended::Suspended;
use crate::watching::kept;
use crate::workloads::Index;
use context::Context;
use decoding::Seen;
pub(crate) use reconcile::CONFLICTED;
pub(crate) use requests::Requests;

/// How many Tags are looked at, at once. Most looks ask nobody, and those that wait for a place at their registry must not be in the
/// way of a step back.
const LOOKS: u16 = 1024;

/// How many Tags are listed at once: a page is in memory as text, and then decoded, all of it.
const PAGE: u32 = 250;

/// What the watch of the Tags keeps up to date, and what it listens to.
pub(crate) struct Watched {
    pub(crate) index: Arc<TagIndex>,
    pub(crate) suspended: Arc<Suspended>,
    pub(crate) workloads: Vec<Index>,
    pub(crate) repositories: Arc<Repositories>,
    pub(crate) writer: Writer<Tag>,
    /// Becomes true when the store has all Tags.
    pub(crate) stored: watch::Sender<bool>,
    /// The Tags whose jobs and looks ended, and those that a registry told of.
    pub(crate) endings: mpsc::UnboundedReceiver<ObjectRef<Tag>>,
    /// Becomes true with each term of this process.
    pub(crate) began: watch::Receiver<bool>,
}

/// Watches the Tags until told to stop. `listed` is called when all of them are known.
pub(crate) async fn run(
    context: Arc<Context>,
    Watched { index, suspended, workloads, repositories, writer, stored, mut endings, began }: Watched,
    listed: impl FnOnce() + Send + 'static,
    stop: CancellationToken,
) {
    let reader = writer.as_reader();
    let ending = context.clone();
    let mut told = HashSet::new();
    let registry = context.registry.clone();
    let mut noter = Noter { index, suspended, workloads, repositories, registry, listed: HashSet::new() };
    let (forgetter, mut listed) = (context.clone(), Some(listed));
    let events = decodable(context.client.clone(), context.metrics.clone()).inspect(move |event| {
        if let Ok(event) = event {
            noter.note(event);
            match event {
                Event::Delete(tag) => forgetter.forget(tag),
                Event::Init => told.clear(),
                Event::InitApply(tag) => told.extend(tag.metadata.uid.clone()),
                Event::InitDone => {
                    // Tags that went while the watch was broken: what is done for them ends.
                    forgetter.retain(&std::mem::take(&mut told));
                    listed.take().into_iter().for_each(|listed| listed());
                }
                Event::Apply(_) => {}
            }
        }
    });
    let (changed, relisted) = kept(events, writer, ());
    Controller::for_stream(changed, reader)
        .reconcile_all_on(select(
            leadership::terms(began),
            relisted.inspect(move |()| {
                stored.send_replace(true);
            }),
        ))
        .reconcile_on(futures::stream::poll_fn(move |task| endings.poll_recv(task)))
        .with_config(Config::default().concurrency(LOOKS))
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(reconcile::reconcile, reconcile::after_error, context)
        .for_each(|_| async {})
        .await;
    ending.mirrors.stop();
    ending.looks.stop();
}

/// The watch of all Tags, without those that can't be decoded: one of them must not hide the others.
fn decodable(
    client: Client,
    metrics: Metrics,
) -> impl Stream<Item = Result<Event<Tag>, watcher::Error>> + Send {
    let api: Api<Seen> = Api::all(client);
    kube::runtime::watcher(api, watcher::Config::default().page_size(PAGE))
        .default_backoff()
        .inspect(move |event| {
            if let Err(error) = event {
                metrics.watch_of_tags_failed();
                tracing::warn!(%error, "the watch of Tags broke and begins anew; is the CustomResourceDefinition there?");
            }
        })
        .filter_map(async |event| match event {
            Ok(event) => decoded(event).map(Ok),
            Err(error) => Some(Err(error)),
        })
}

fn decoded(event: Event<Seen>) -> Option<Event<Tag>> {
    match event {
        Event::Apply(seen) => readable(seen).map(Event::Apply),
        // One that is gone is gone, whether or not it could be read.
        Event::Delete(Seen::Undecodable(metadata, _)) => {
            Some(Event::Delete(Tag { metadata: *metadata, spec: TagSpec::default(), status: None }))
        }
        Event::Delete(Seen::Tag(tag)) => Some(Event::Delete(*tag)),
        Event::InitApply(seen) => readable(seen).map(Event::InitApply),
        Event::Init => Some(Event::Init),
        Event::InitDone => Some(Event::InitDone),
    }
}

fn readable(seen: Seen) -> Option<Tag> {
    match seen {
        Seen::Tag(tag) => Some(*tag),
        Seen::Undecodable(metadata, error) => {
            let (namespace, name) = (metadata.namespace, metadata.name);
            tracing::warn!(namespace, name, error, "a Tag can't be decoded and is left alone");
            None
        }
    }
}

/// Notes what the watch tells in the index, and lets the workloads of a Tag know when its reference moved.
struct Noter {
    index: Arc<TagIndex>,
    suspended: Arc<Suspended>,
    workloads: Vec<Index>,
    repositories: Arc<Repositories>,
    registry: tagger_registry::Client,
    listed: HashSet<(String, String)>,
}

impl Noter {
    fn note(&mut self, event: &Event<Tag>) {
        match event {
            Event::Apply(tag) => self.set(tag),
            Event::Delete(tag) => {
                let (namespace, name) = (tag.namespace().unwrap_or_default(), tag.name_any());
                self.index.remove(&namespace, &name);
                self.repositories.remove(tag);
                self.suspended.set(&namespace, &name, false);
            }
            Event::Init => self.listed.clear(),
            Event::InitApply(tag) => {
                self.listed.insert((tag.namespace().unwrap_or_default(), tag.name_any()));
                self.set(tag);
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                self.repositories.retain(&listed);
                self.index
                    .retain(|namespace, name| listed.contains(&(namespace.to_owned(), name.to_owned())));
            }
        }
    }

    fn set(&self, tag: &Tag) {
        let (namespace, name) = (tag.namespace().unwrap_or_default(), tag.name_any());
        self.repositories.set(tag, &self.registry);
        let current = tag.status.as_ref().and_then(|status| status.current());
        let reference = current.map(|current| current.image_reference.as_str());
        let moved = self.index.set(&namespace, &name, reference);
        let held = self.suspended.set(&namespace, &name, tag.spec.is_suspended());
        if moved || held {
            self.workloads.iter().for_each(|workloads| workloads.wake(&namespace, &name));
        }
    }
}
