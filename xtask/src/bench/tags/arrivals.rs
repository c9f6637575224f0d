//! When Tags are Ready, as a watch tells it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use tagger_api::Tag;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long the Tags may take, whatever their number.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much longer each of them may take.
const PATIENCE_FOR_EACH: Duration = Duration::from_millis(50);

/// How often it is told how far it is.
const TELL: Duration = Duration::from_secs(1);

/// A watch of the Tags of a namespace, open before the first of them is there.
pub(super) struct Arrivals {
    tags: Arc<Mutex<BTreeMap<String, Tag>>>,
    news: watch::Receiver<News>,
    task: JoinHandle<()>,
}

/// How many are Ready, and since when.
#[derive(Clone, Copy)]
struct News {
    ready: usize,
    last: Instant,
}

impl Arrivals {
    /// Begins to watch, and returns once the watch is open.
    pub(super) async fn open(api: &Api<Tag>) -> Result<Self> {
        let tags: Arc<Mutex<BTreeMap<String, Tag>>> = Arc::default();
        let (teller, news) = watch::channel(News { ready: 0, last: Instant::now() });
        let (opened, open) = tokio::sync::oneshot::channel();
        let mut events = watcher(api.clone(), watcher::Config::default()).default_backoff().boxed();
        let (known, mut opened) = (tags.clone(), Some(opened));
        let task = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Apply(tag) | Event::InitApply(tag)) => {
                        let is_ready = is_ready(&tag);
                        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                        let was_ready =
                            known.insert(tag.name_any(), tag).is_some_and(|old| self::is_ready(&old));
                        if is_ready && !was_ready {
                            teller.send_modify(|news| {
                                *news = News { ready: news.ready + 1, last: Instant::now() };
                            });
                        }
                    }
                    Ok(Event::InitDone) => {
                        if let Some(opened) = opened.take() {
                            // Nobody waits any more only where the benchmark has ended.
                            let _ = opened.send(());
                        }
                    }
                    Ok(Event::Init | Event::Delete(_)) => {}
                    Err(error) => eprintln!("the watch of the benchmark broke and begins anew: {error}"),
                }
            }
        });
        let arrivals = Self { tags, news, task };
        timeout(PATIENCE, open).await.context("the Tags can't be watched")?.context("the watch has ended")?;
        Ok(arrivals)
    }

    /// Waits until that many Tags are Ready, telling how many are, and says when the last one was.
    pub(super) async fn of(&self, count: usize) -> Result<Instant> {
        let start = Instant::now();
        let limit = PATIENCE + PATIENCE_FOR_EACH.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let mut news = self.news.clone();
        loop {
            if let Ok(news) = timeout(TELL, news.wait_for(|news| news.ready >= count)).await {
                return Ok(news.context("the watch of the benchmark has ended")?.last);
            }
            let ready = news.borrow().ready;
            eprintln!("{ready} of {count} Tags are Ready");
            if start.elapsed() > limit {
                bail!("{ready} of {count} Tags are Ready after {limit:?}; {}", self.straggler());
            }
        }
    }

    /// The Tags as they are now, by name.
    pub(super) fn tags(&self) -> Vec<Tag> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// What one that is not Ready says of itself.
    fn straggler(&self) -> String {
        let tags = self.tags();
        let Some(tag) = tags.iter().find(|tag| !is_ready(tag)) else {
            return "all that exist are Ready".to_owned();
        };
        let conditions = tag.status.iter().flat_map(|status| &status.conditions);
        let told: Vec<String> =
            conditions.map(|told| format!("{} {}: {}", told.type_, told.reason, told.message)).collect();
        match told.is_empty() {
            true => format!("{} has no status at all", tag.name_any()),
            false => format!("{} says {}", tag.name_any(), told.join(", ")),
        }
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn is_ready(tag: &Tag) -> bool {
    let conditions = tag.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|told| told.type_ == "Ready" && told.status == "True")
}
