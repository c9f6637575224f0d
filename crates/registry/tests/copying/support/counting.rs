//! What passed, as the proxies saw it and as a copy tells it.

use std::sync::{Arc, Mutex};

use tagger_registry::{CopyOptions, Progress};
use tagger_testkit::proxy::{Kind, Proxy, Recorded};

/// The requests about blobs, in whichever direction they go.
pub fn blob_requests(proxy: &Proxy) -> Vec<String> {
    let about_blobs = |request: &Recorded| matches!(request.kind, Kind::Blob | Kind::Upload);
    let requests = proxy.requests();
    requests.iter().filter(|request| about_blobs(request)).map(line).collect()
}

/// Requests as lines: method, path and query.
pub fn lines(proxy: &Proxy) -> Vec<String> {
    proxy.requests().iter().map(line).collect()
}

fn line(request: &Recorded) -> String {
    let mark = if request.query.is_empty() { "" } else { "?" };
    format!("{} {}{mark}{}", request.method, request.path, request.query)
}

/// Adds up what a copy tells of its progress.
#[derive(Clone, Default)]
pub struct Sums(Arc<Mutex<[u64; 3]>>);

impl Sums {
    pub fn options(&self) -> CopyOptions {
        let sums = self.0.clone();
        let tell = move |step| {
            let mut sums = sums.lock().unwrap();
            match step {
                Progress::Found(bytes) => sums[0] += bytes,
                Progress::Passed(bytes) => sums[1] += bytes,
                Progress::Spared(bytes) => sums[2] += bytes,
            }
        };
        CopyOptions { progress: Some(Arc::new(tell)), ..CopyOptions::default() }
    }

    /// The bytes that were found, passed and spared.
    pub fn take(&self) -> (u64, u64, u64) {
        let [found, passed, spared] = std::mem::take(&mut *self.0.lock().unwrap());
        (found, passed, spared)
    }
}
