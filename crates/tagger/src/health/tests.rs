use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;

use super::*;

/// A teller with two parts, and what they hold.
struct Scene {
    watches: watch::Sender<bool>,
    certificate: watch::Sender<bool>,
    address: SocketAddr,
    _teller: Teller,
}

impl Scene {
    fn new(metrics: Registry) -> Self {
        let (watches, certificate) = (watch::Sender::new(true), watch::Sender::new(true));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Nothing drives this runtime from here on, as where every thread of it is stuck: it is too early to say so.
        let pulse = runtime.block_on(async { Pulse::start() });
        let checks = vec![
            Check::new("watches", watches.subscribe(), "not all Tags are known"),
            Check::new("certificate", certificate.subscribe(), "none is served")
                .and(|| Ok("expires later".to_owned())),
        ];
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let teller = start(socket, Told { checks, pulse, metrics }).unwrap();
        Self { watches, certificate, address, _teller: teller }
    }

    /// The status, the headers and the body of an answer.
    fn ask(&self, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
    }
}

#[test]
fn all_is_well_in_a_word_and_line_by_line_where_that_is_asked_for() {
    let scene = Scene::new(Registry::default());
    let body = |path: &str| {
        let (status, _, body) = scene.ask(path);
        assert_eq!(status, 200, "{body}");
        body
    };
    assert_eq!((body("/healthz").as_str(), body("/readyz").as_str()), ("ok\n", "ok\n"));
    assert_eq!(body("/readyz?verbose"), "[+] watches\n[+] certificate: expires later\n");
    assert_eq!(body("/healthz?verbose=1"), "[+] watches\n[+] certificate\n[+] runtime\n");
}

#[test]
fn it_is_ready_when_every_check_is_and_says_which_is_not_and_why() {
    let scene = Scene::new(Registry::default());
    scene.watches.send_replace(false);
    let (status, _, body) = scene.ask("/readyz");
    let expected = "[-] watches: not all Tags are known\n[+] certificate: expires later\n";
    assert_eq!((status, body.as_str()), (503, expected));
    assert_eq!(scene.ask("/healthz").0, 200, "it is no reason to start anew");
    scene.watches.send_replace(true);
    assert_eq!(scene.ask("/readyz").0, 200);
}

#[test]
fn it_is_not_worth_keeping_when_a_part_has_ended() {
    let Scene { certificate, watches, address, _teller } = Scene::new(Registry::default());
    drop(watches);
    let scene = Scene { watches: watch::Sender::new(true), certificate, address, _teller };
    let (status, _, body) = scene.ask("/healthz");
    assert_eq!(status, 503);
    assert!(body.starts_with("[-] watches: this part has ended by itself"), "{body}");
}

#[test]
fn metrics_are_told_as_open_metrics() {
    let (mut metrics, counter) = (Registry::default(), Counter::<u64>::default());
    metrics.register("tagger_things", "Things", counter.clone());
    counter.inc_by(2);
    let (status, head, body) = Scene::new(metrics).ask("/metrics");
    assert_eq!(status, 200);
    assert!(head.contains(&format!("content-type: {OPEN_METRICS}")), "{head}");
    assert!(body.contains("tagger_things_total 2\n") && body.ends_with("# EOF\n"), "{body}");
}
