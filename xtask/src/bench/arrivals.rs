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
pub(crate) struct Arrivals {
    tags: Arc<Mutex<BTreeMap<String, Tag>>>,
    news: watch::Receiver<News>,
    task: JoinHandle<()>,
}

/// How many Tags have been Ready at each generation or at a later one, and when the last of them came to it.
type News = BTreeMap<i64, (usize, Instant)>;

impl Arrivals {
    /// Begins to watch, and returns once the watch is open.
    pub(crate) async fn open(api: &Api<Tag>) -> Result<Self> {
        let tags: Arc<Mutex<BTreeMap<String, Tag>>> = Arc::default();
        let (teller, news) = watch::channel(News::new());
        let (opened, open) = tokio::sync::oneshot::channel();
        let mut events = watcher(api.clone(), watcher::Config::default()).default_backoff().boxed();
        let (known, mut opened) = (tags.clone(), Some(opened));
        let task = tokio::spawn(async move {
            let mut reached = BTreeMap::new();
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Apply(tag) | Event::InitApply(tag)) => {
                        let name = tag.name_any();
                        if let Some(generation) = ready_at(&tag) {
                            let before = reached.insert(name.clone(), generation);
                            teller.send_modify(|news| note(news, before, generation));
                        }
                        known.lock().unwrap_or_else(PoisonError::into_inner).insert(name, tag);
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
    pub(crate) async fn of(&self, count: usize) -> Result<Instant> {
        self.at(0, count).await
    }

    /// Waits until that many Tags have been Ready at this generation or at a later one, and says when the last one was.
    pub(crate) async fn at(&self, generation: i64, count: usize) -> Result<Instant> {
        let start = Instant::now();
        let limit = PATIENCE + PATIENCE_FOR_EACH.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let mut news = self.news.clone();
        let ready = |news: &News| news.get(&generation).map_or(0, |(ready, _)| *ready);
        loop {
            if let Ok(news) = timeout(TELL, news.wait_for(|news| ready(news) >= count)).await {
                let news = news.context("the watch of the benchmark has ended")?;
                return Ok(news.get(&generation).map_or(start, |(_, last)| *last));
            }
            let ready = ready(&news.borrow());
            eprintln!("{ready} of {count} Tags are Ready at generation {generation}");
            if start.elapsed() > limit {
                bail!(
                    "{ready} of {count} Tags are Ready at generation {generation} after {limit:?}; {}",
                    self.straggler(generation)
                );
            }
        }
    }

    /// The Tags as they are now, by name.
    pub(crate) fn tags(&self) -> Vec<Tag> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// What one says of itself that is not Ready at this generation or at a later one.
    fn straggler(&self, generation: i64) -> String {
        let tags = self.tags();
        let Some(tag) = tags.iter().find(|tag| ready_at(tag).is_none_or(|at| at < generation)) else {
            return "all that exist are Ready at it".to_owned();
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

/// Counts a Tag that came from one generation to another.
fn note(news: &mut News, before: Option<i64>, generation: i64) {
    for passed in before.map_or(0, |before| before + 1)..=generation {
        let (count, last) = news.entry(passed).or_insert_with(|| (0, Instant::now()));
        (*count, *last) = (*count + 1, Instant::now());
    }
}

/// The generation that a Tag is Ready at.
fn ready_at(tag: &Tag) -> Option<i64> {
    tag.status.as_ref().filter(|_| is_ready(tag))?.generation
}

fn is_ready(tag: &Tag) -> bool {
    let conditions = tag.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|told| told.type_ == "Ready" && told.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_counts_once_at_each_generation_it_came_to_or_past() {
        let mut news = News::new();
        for (before, generation) in [(None, 0), (None, 0), (Some(0), 0), (Some(0), 2), (None, 1)] {
            note(&mut news, before, generation);
        }
        let counts: Vec<(i64, usize)> = news.iter().map(|(passed, (count, _))| (*passed, *count)).collect();
        assert_eq!(counts, [(0, 3), (1, 2), (2, 1)]);
    }
}
