//! Much of the same work, so much of it at once, on all cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

/// How much is done at once: as many imports as the operator makes by default.
pub(crate) const AT_ONCE: usize = 32;

/// Does the work for each number below `count`, [`AT_ONCE`] at a time. The first failure ends it all.
pub(crate) async fn each<T, W, F>(count: usize, on: T, work: W) -> Result<()>
where
    W: Fn(Arc<T>, usize) -> F + Clone + Send + 'static,
    T: Send + Sync + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let (next, on) = (Arc::new(AtomicUsize::new(0)), Arc::new(on));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE.min(count) {
        let (next, on, work) = (next.clone(), on.clone(), work.clone());
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(());
                }
                work(on.clone(), number).await?;
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.context("a worker of the benchmark broke")??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::ensure;
    use std::sync::Mutex;

    async fn note(seen: Arc<Mutex<Vec<usize>>>, number: usize) -> Result<()> {
        ensure!(number != 100, "a hundred is too much");
        seen.lock().unwrap().push(number);
        Ok(())
    }

    #[tokio::test]
    async fn each_number_is_worked_on_once() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        each(100, seen.clone(), |seen, number| note(Arc::clone(&seen), number)).await.unwrap();
        let mut seen = std::mem::take(&mut *seen.lock().unwrap());
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_failure_ends_it() {
        let error = each(101, Mutex::default(), note).await.unwrap_err();
        assert_eq!(error.to_string(), "a hundred is too much");
    }
}
