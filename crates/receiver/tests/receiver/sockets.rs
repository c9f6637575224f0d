//! Over sockets: the slow, the idle and the large are in nobody's way.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rstest::rstest;
use tagger_receiver::server::{Limits, ServeError, serve};
use tagger_receiver::{Provider, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::support::{Here, SECRET, push};

const SHORT: Limits = Limits {
    connections: 512,
    first_request: Duration::from_millis(700),
    idle: Duration::from_secs(60),
    age: Duration::from_secs(60),
    drain: Duration::from_secs(5),
};

/// Long enough for anything that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);

struct Served {
    here: Here,
    address: SocketAddr,
    end: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Served {
    fn start(limits: Limits, settings: Settings) -> Self {
        let here = Here::new(settings);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(serve(listener, here.receiver.router(), limits, async { drop(ended.await) }));
        Self { here, address, end, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The first line of the answer to a notification on a connection of its own.
    async fn notify(&self) -> String {
        let mut connection = self.connect().await;
        connection.write_all(&request()).await.unwrap();
        first_line(&mut connection).await
    }
}

fn head(length: usize) -> Vec<u8> {
    format!("POST /distribution HTTP/1.1\r\nhost: x\r\nauthorization: {SECRET}\r\ncontent-length: {length}\r\n\r\n").into()
}

fn request() -> Vec<u8> {
    let body = push(Provider::Distribution, "v1").to_string();
    [head(body.len()), body.into_bytes()].concat()
}

async fn first_line(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = async {
        while !answer.contains(&b'\n') {
            if connection.read_buf(&mut answer).await.unwrap_or(0) == 0 {
                break;
            }
        }
    };
    timeout(PATIENCE, read).await.expect("an answer");
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

async fn is_closed(connection: &mut TcpStream) -> bool {
    timeout(PATIENCE, connection.read(&mut [0; 64])).await.is_ok_and(|read| matches!(read, Ok(0) | Err(_)))
}

#[tokio::test]
async fn five_hundred_idle_connections_are_in_nobody_s_way_and_go() {
    let mut served = Served::start(SHORT, Settings::default());
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(served.connect().await);
    }
    assert_eq!(served.notify().await, "HTTP/1.1 202 Accepted");
    assert_eq!(served.here.told(), ["a.io/team/myapp:v1"]);
    for mut connection in idle {
        assert!(is_closed(&mut connection).await);
    }
}

#[tokio::test]
async fn more_connections_than_there_are_places_for_wait_their_turn() {
    let served = Served::start(Limits { connections: 2, ..SHORT }, Settings::default());
    let _held = [served.connect().await, served.connect().await];
    assert_eq!(served.notify().await, "HTTP/1.1 202 Accepted", "once the idle ones are gone");
}

#[tokio::test]
async fn a_sender_of_slow_headers_is_cut_off() {
    let served = Served::start(SHORT, Settings::default());
    let mut connection = served.connect().await;
    let cut = async {
        loop {
            if connection.write_all(b"x").await.is_err() {
                break;
            }
            match timeout(Duration::from_millis(50), connection.read(&mut [0; 64])).await {
                Ok(read) => break assert!(matches!(read, Ok(0) | Err(_))),
                Err(_) => continue,
            }
        }
    };
    timeout(PATIENCE, cut).await.expect("it is cut off");
}

#[tokio::test]
async fn a_sender_of_a_slow_body_is_told_so_while_others_are_answered() {
    let settings = Settings { body_time: Duration::from_millis(700), ..Settings::default() };
    let served = Served::start(SHORT, settings);
    let mut connections = Vec::new();
    for _ in 0..50 {
        let mut connection = served.connect().await;
        connection.write_all(&head(1000)).await.unwrap();
        connection.write_all(b"{").await.unwrap();
        connections.push(connection);
    }
    assert_eq!(served.notify().await, "HTTP/1.1 202 Accepted");
    for mut connection in connections {
        assert_eq!(first_line(&mut connection).await, "HTTP/1.1 408 Request Timeout");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent_or_when_it_is() {
    let served = Served::start(SHORT, Settings::default());
    let mut told = served.connect().await;
    told.write_all(&head(3 * 1024 * 1024 + 1)).await.unwrap();
    assert_eq!(first_line(&mut told).await, "HTTP/1.1 413 Payload Too Large");
    let mut untold = served.connect().await;
    let head = format!(
        "POST /zot HTTP/1.1\r\nhost: x\r\nauthorization: {SECRET}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    untold.write_all(head.as_bytes()).await.unwrap();
    let piece = [&b"100000\r\n"[..], &vec![b' '; 1024 * 1024], b"\r\n"].concat();
    for _ in 0..3 {
        untold.write_all(&piece).await.unwrap();
    }
    untold.write_all(b"1\r\n \r\n").await.unwrap();
    assert_eq!(first_line(&mut untold).await, "HTTP/1.1 413 Payload Too Large");
}

#[tokio::test]
async fn a_connection_serves_many_requests_and_the_end_lets_the_last_one_finish() {
    let served = Served::start(SHORT, Settings::default());
    let (mut used, mut slow) = (served.connect().await, served.connect().await);
    for _ in 0..2 {
        used.write_all(&request()).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = used.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 202"));
        sleep(SHORT.first_request * 2).await;
    }
    let request = request();
    let (first, last) = request.split_at(request.len() - 10);
    slow.write_all(first).await.ok();
    let mut slow = served.connect().await;
    slow.write_all(first).await.unwrap();
    // Its headers are there when another request, sent after them, was answered.
    assert_eq!(served.notify().await, "HTTP/1.1 202 Accepted");
    served.end.send(()).unwrap();
    assert!(is_closed(&mut used).await, "idle ones are closed");
    assert!(TcpStream::connect(served.address).await.is_err(), "nobody gets in");
    slow.write_all(last).await.unwrap();
    assert_eq!(first_line(&mut slow).await, "HTTP/1.1 202 Accepted");
    drop(slow);
    timeout(PATIENCE, served.task).await.expect("it ends").unwrap().unwrap();
}

// The place is free long before a connection would be closed for being idle.
#[rstest]
#[case::no_secret("POST /distribution", "", "401")]
#[case::a_wrong_signature("POST /github", "x-hub-signature-256: sha256=00\r\n", "401")]
#[case::a_signature_that_is_not_looked_at("GET /github", "x-hub-signature-256: sha256=00\r\n", "405")]
#[case::nobody_s("POST /no-such-thing", "", "404")]
#[case::no_text("POST /quay/%FF", "", "404")]
#[tokio::test]
async fn strangers_keep_no_connection(#[case] asked: &str, #[case] header: &str, #[case] status: &str) {
    let served = Served::start(Limits { connections: 1, ..SHORT }, Settings::default());
    let mut stranger = served.connect().await;
    let request = format!("{asked} HTTP/1.1\r\nhost: x\r\n{header}content-length: 2\r\n\r\n{{}}");
    stranger.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(
        served.notify().await,
        "HTTP/1.1 202 Accepted",
        "its place is another's, though it holds its end"
    );
    assert!(first_line(&mut stranger).await.starts_with(&format!("HTTP/1.1 {status} ")));
}
