//! Who notifies, over connections that stay, as fast as the answers come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tagger_testkit::notifier::MEDIA_TYPE;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long one who was told that the queue is full waits before the next try.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a notification may be refused for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where notifications go, and what lets them in.
pub(super) struct Door {
    pub(super) url: Uri,
    pub(super) secret: String,
}

/// What those who notified saw.
#[derive(Default)]
pub(super) struct Told {
    /// From the first notification to the last answer.
    pub(super) took: Duration,
    /// How long each answer took, in milliseconds.
    pub(super) latencies: Vec<f64>,
    /// How many answers there were of each status; `none` where the connection broke.
    pub(super) codes: BTreeMap<String, usize>,
}

impl Told {
    fn and(mut self, other: Self) -> Self {
        self.latencies.extend(other.latencies);
        for (code, count) in other.codes {
            *self.codes.entry(code).or_default() += count;
        }
        self
    }
}

/// Sends each of the notifications once, and again where it was refused because the queue was full.
pub(super) async fn post(door: &Arc<Door>, connections: usize, bodies: Vec<Bytes>) -> Result<Told> {
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let mut workers = JoinSet::new();
    let start = Instant::now();
    for _ in 0..connections.min(bodies.len()) {
        workers.spawn(work(Arc::clone(door), Arc::clone(&bodies), Arc::clone(&next)));
    }
    let mut all = Told::default();
    while let Some(worker) = workers.join_next().await {
        all = all.and(worker.context("one who notifies broke")??);
    }
    all.took = start.elapsed();
    Ok(all)
}

async fn work(door: Arc<Door>, bodies: Arc<Vec<Bytes>>, next: Arc<AtomicUsize>) -> Result<Told> {
    let mut told = Told::default();
    let mut line = None;
    while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
        let first = Instant::now();
        loop {
            let start = Instant::now();
            let status = match &mut line {
                Some(line) => say(&door, line, body.clone()).await,
                None => say(&door, line.insert(open(&door).await?), body.clone()).await,
            };
            told.latencies.push(1000.0 * start.elapsed().as_secs_f64());
            let code = status.as_ref().map_or("none".to_owned(), |status| status.as_str().to_owned());
            *told.codes.entry(code).or_default() += 1;
            match status {
                Ok(StatusCode::TOO_MANY_REQUESTS) => sleep(PAUSE).await,
                Ok(status) if status.is_success() => break,
                Ok(status) => bail!("the receiver answered a notification with {status}"),
                Err(_) => line = None,
            }
            if first.elapsed() > PATIENCE {
                bail!("the receiver did not take a notification within {PATIENCE:?}");
            }
        }
    }
    Ok(told)
}

async fn open(door: &Door) -> Result<SendRequest<Full<Bytes>>> {
    let authority = door.url.authority().context("the receiver has no address")?;
    let stream = TcpStream::connect(authority.as_str()).await.context("connect to the receiver")?;
    stream.set_nodelay(true)?;
    let (line, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Who sends on it sees that it broke.
    tokio::spawn(connection);
    Ok(line)
}

async fn say(door: &Door, line: &mut SendRequest<Full<Bytes>>, body: Bytes) -> Result<StatusCode> {
    line.ready().await?;
    let request = Request::post(door.url.path())
        .header(HOST, door.url.authority().map_or("", |authority| authority.as_str()))
        .header(AUTHORIZATION, &door.secret)
        .header(CONTENT_TYPE, MEDIA_TYPE)
        .body(Full::new(body))?;
    let answer = line.send_request(request).await?;
    let status = answer.status();
    answer.into_body().collect().await?;
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Mutex;

    use hyper::Response;
    use hyper::service::service_fn;
    use tokio::net::TcpListener;

    /// A receiver that refuses the first notification, breaks the connection at the second, and takes the others.
    async fn difficult(seen: Arc<Mutex<Vec<Bytes>>>) -> Arc<Door> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (count, seen) = (Arc::new(AtomicUsize::new(0)), seen);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (count, seen) = (Arc::clone(&count), Arc::clone(&seen));
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (number, seen) = (count.fetch_add(1, Ordering::Relaxed), Arc::clone(&seen));
                    async move {
                        assert!(request.uri().path() == "/x" && request.headers()[AUTHORIZATION] == "word");
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        let mut answer = Response::new(Full::<Bytes>::default());
                        match number {
                            0 => *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS,
                            1 => return Err("broken"),
                            _ => seen.lock().unwrap().push(body),
                        }
                        Ok(answer)
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        let url = format!("http://{address}/x").parse().unwrap();
        Arc::new(Door { url, secret: "word".to_owned() })
    }

    #[tokio::test]
    async fn each_notification_arrives_though_some_were_refused() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let door = difficult(Arc::clone(&seen)).await;
        let bodies: Vec<Bytes> = (0..50).map(|number| number.to_string().into()).collect();
        let told = post(&door, 4, bodies.clone()).await.unwrap();
        let arrived: HashSet<Bytes> = seen.lock().unwrap().drain(..).collect();
        assert_eq!(arrived, bodies.into_iter().collect());
        let codes = [("200", 50), ("429", 1), ("none", 1)].map(|(code, count)| (code.to_owned(), count));
        assert_eq!((told.codes, told.latencies.len()), (BTreeMap::from(codes), 52));
    }
}
