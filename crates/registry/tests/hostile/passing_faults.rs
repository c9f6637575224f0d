use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::body::Body;
use axum::response::Response;
use rstest::rstest;
use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Client, Fault, Retry, Settings};

use super::server::*;

fn limited(retry_after: Option<&str>) -> Response {
    match retry_after {
        Some(wait) => with_header(status(429), "retry-after", wait),
        None => status(429),
    }
}

#[rstest]
#[case(500)]
#[case(502)]
#[case(503)]
#[case(504)]
#[case(408)]
#[tokio::test]
async fn a_burst_of_failures_is_lived_through(#[case] code: u16) {
    let server = Server::start(move |seen| if seen.nth < 2 { status(code) } else { manifest(INDEX) }).await;
    server.client().resolve(&server.image(), |_| None).await.unwrap();
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_failure_that_stays_is_reported_after_three_tries() {
    let server = Server::start(|_| {
        let page = Body::from("<html>secret stack trace</html>");
        Response::builder().status(500).header("content-type", "text/html").body(page).unwrap()
    });
    let server = server.await;
    let error = server.client().resolve(&server.image(), |_| None).await.unwrap_err();
    assert_eq!((error.reason(), error.retry()), ("ServerError", Retry::Soon));
    assert!(!format!("{error} {error:?}").contains("stack trace"));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_short_wait_that_the_registry_asks_for_is_waited_in_place() {
    let server = Server::start(|seen| if seen.nth == 0 { limited(Some("1")) } else { manifest(INDEX) }).await;
    let begun = Instant::now();
    server.client().resolve(&server.image(), |_| None).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[rstest]
#[case::seconds("60", 59..=60)]
#[case::absurd("99999999999999999999999", 3599..=3600)]
#[tokio::test]
async fn a_long_wait_is_handed_to_the_caller_at_once(
    #[case] header: &'static str,
    #[case] seconds: std::ops::RangeInclusive<u64>,
) {
    let server = Server::start(|_| limited(Some(header))).await;
    let client = server.client();
    let error = client.resolve(&server.image(), |_| None).await.unwrap_err();
    let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
    assert!(seconds.contains(&wait.as_secs()), "{wait:?}");
    assert_eq!((error.reason(), server.requests().len()), ("RateLimited", 1));

    // And until then nobody asks that registry again, for any of its images.
    let other: Reference = format!("{}/b:latest", server.host()).parse().unwrap();
    assert_eq!(client.resolve(&other, |_| None).await.unwrap_err().reason(), "RateLimited");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_wait_until_a_date_is_understood() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(120));
    let server = Server::start(move |_| limited(Some(&date))).await;
    let error = server.client().resolve(&server.image(), |_| None).await.unwrap_err();
    let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
    assert!((118..=120).contains(&wait.as_secs()), "{wait:?}");
}

#[rstest]
#[case(None)]
#[case(Some("soon"))]
#[tokio::test]
async fn a_limit_without_a_wait_is_tried_three_times(#[case] header: Option<&'static str>) {
    let server = Server::start(move |_| limited(header)).await;
    let error = server.client().resolve(&server.image(), |_| None).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::RateLimited { .. }), "{error}");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn one_registry_that_limits_does_not_hold_up_another() {
    let limiting = Server::start(|_| limited(Some("60"))).await;
    let other = Server::start(|_| manifest(INDEX)).await;
    let mut settings = limiting.settings();
    settings.insecure.push(other.host().parse().unwrap());
    let client = Client::new(settings, Anonymous).unwrap();
    client.resolve(&limiting.image(), |_| None).await.unwrap_err();
    client.resolve(&other.image(), |_| None).await.unwrap();
}

fn client_at(address: std::net::SocketAddr, limits: tagger_registry::Limits) -> (Client, Reference) {
    let insecure = vec![address.to_string().parse().unwrap()];
    let client = Client::new(Settings { insecure, limits, ..Settings::default() }, Anonymous).unwrap();
    (client, format!("{address}/a:latest").parse().unwrap())
}

#[rstest]
#[case::before_the_first_byte(b"")]
#[case::in_the_head(b"HTTP/1.1 200 OK\r\n")]
#[tokio::test]
async fn a_registry_that_stalls_is_not_waited_for(#[case] beginning: &'static [u8]) {
    let (client, image) = client_at(raw(beginning, true).await, impatient());
    let begun = Instant::now();
    let error = client.resolve(&image, |_| None).await.unwrap_err();
    assert_eq!((error.reason(), error.retry()), ("Timeout", Retry::Soon));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_registry_that_stalls_in_the_body_is_not_waited_for() {
    let server = Server::start(|seen| match seen.method.as_str() {
        "HEAD" => manifest(INDEX),
        _ => {
            use futures::StreamExt;
            let one = futures::stream::iter([Ok::<_, std::io::Error>("{")]);
            Response::new(Body::from_stream(one.chain(futures::stream::pending())))
        }
    });
    let server = server.await;
    let client = Client::new(Settings { limits: impatient(), ..server.settings() }, Anonymous).unwrap();
    let error = client.resolve(&server.image(), |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "Timeout");
}

#[tokio::test]
async fn a_registry_that_drips_is_cut_off_when_the_whole_takes_too_long() {
    static DRIPS: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|seen| match seen.method.as_str() {
        "HEAD" => manifest(INDEX),
        _ => Response::new(Body::from_stream(futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            DRIPS.fetch_add(1, Ordering::Relaxed);
            Some((Ok::<_, std::io::Error>(" "), ()))
        }))),
    });
    let server = server.await;
    let mut settings = server.settings();
    settings.limits.whole = Duration::from_millis(600);
    let client = Client::new(settings, Anonymous).unwrap();
    let begun = Instant::now();
    assert_eq!(client.resolve(&server.image(), |_| None).await.unwrap_err().reason(), "Timeout");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(DRIPS.load(Ordering::Relaxed) > 3);
}

/// The kernel takes in as many connections as the listener said that may wait, and leaves further ones alone.
#[tokio::test]
async fn a_registry_that_takes_no_connection_is_not_waited_for() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connection) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(connection);
        assert!(waiting.len() < 100, "the listener takes all");
    }
    let limits = tagger_registry::Limits { connect: Duration::from_millis(300), ..impatient() };
    let (client, image) = client_at(address, limits);
    let begun = Instant::now();
    let error = client.resolve(&image, |_| None).await.unwrap_err();
    assert!(["Timeout", "Unreachable"].contains(&error.reason()), "{error}");
    assert_eq!(error.retry(), Retry::Soon);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_registry_that_says_nothing_to_a_tls_client_is_not_waited_for() {
    let address = raw(b"", true).await;
    let settings = Settings {
        private: vec![address.to_string().parse().unwrap()],
        authorities: stranger(),
        limits: impatient(),
        ..Settings::default()
    };
    let client = Client::new(settings, Anonymous).unwrap();
    let image: Reference = format!("{address}/a:latest").parse().unwrap();
    let begun = Instant::now();
    let error = client.resolve(&image, |_| None).await.unwrap_err();
    assert!(["Timeout", "Unreachable"].contains(&error.reason()), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (client, image) = client_at(address, hurried());
    let error = client.resolve(&image, |_| None).await.unwrap_err();
    assert_eq!((error.reason(), error.retry()), ("Unreachable", Retry::Soon));
    assert!(error.to_string().contains("the connection is refused"), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable() {
    let settings = Settings { authorities: stranger(), limits: hurried(), ..Settings::default() };
    let client = Client::new(settings, Anonymous).unwrap();
    let error = client.resolve(&"registry.invalid/a:b".parse().unwrap(), |_| None).await.unwrap_err();
    assert_eq!(error.reason(), "Unreachable");
    assert!(error.to_string().contains("does not resolve"), "{error}");
}
