use axum::response::Response;
use rstest::rstest;
use tagger_core::reference::Reference;
use tagger_registry::{Anonymous, Client, DockerConfig, Fault, NoPlace, RegistriesConf, Resolved, Settings};

use super::server::*;

fn good(_: &Seen) -> Response {
    manifest(INDEX)
}

/// Settings under which `quay.example/team` is at these servers: mirrors, and the location last.
fn at(servers: &[&Server]) -> Settings {
    let (location, mirrors) = servers.split_last().unwrap();
    let place = |server: &Server| format!("location = \"{}/there\"\ninsecure = true\n", server.host());
    let mirrors: String =
        mirrors.iter().map(|mirror| format!("[[registry.mirror]]\n{}", place(mirror))).collect();
    let file = format!("[[registry]]\nprefix = \"quay.example/team\"\n{}{mirrors}", place(location));
    let registries = RegistriesConf::parse(&file).unwrap();
    Settings { registries, limits: hurried(), ..Settings::default() }
}

fn image() -> Reference {
    "quay.example/team/a:v1".parse().unwrap()
}

async fn resolve(servers: &[&Server]) -> Resolved {
    let client = Client::new(at(servers), Anonymous).unwrap();
    client.resolve(&image(), |_| None).await.unwrap()
}

#[tokio::test]
async fn a_mirror_is_asked_first_and_the_image_keeps_its_name() {
    let (mirror, location) = (Server::start(good).await, Server::start(good).await);
    let resolved = resolve(&[&mirror, &location]).await;
    assert_eq!((&resolved.reference, resolved.digest.as_str()), (&image(), digest(INDEX).as_str()));
    let by_digest = format!("GET /v2/there/a/manifests/{}", digest(INDEX));
    assert_eq!(mirror.requests(), ["HEAD /v2/there/a/manifests/v1".to_owned(), by_digest]);
    assert_eq!(location.requests(), [""; 0]);
}

/// A registry that gives another manifest than that of the digest it names.
fn liar(_: &Seen) -> Response {
    with_header(manifest("{}"), "docker-content-digest", &digest(INDEX))
}

#[rstest]
#[case::has_not_got_it(|_: &Seen| status(404))]
#[case::refuses(|_: &Seen| status(403))]
#[case::fails(|_: &Seen| status(503))]
#[case::is_busy(|_: &Seen| with_header(status(429), "retry-after", "3600"))]
#[case::is_no_registry(|_: &Seen| status(418))]
#[case::gives_other_bytes_than_those_of_the_digest(liar)]
#[case::names_no_digest(|_: &Seen| with_header(manifest(INDEX), "docker-content-digest", "nonsense"))]
#[case::gives_no_manifest(|_: &Seen| manifest("<html>"))]
#[case::sends_us_away(|_: &Seen| with_header(status(307), "location", "ftp://elsewhere/"))]
#[tokio::test]
async fn a_mirror_that_fails_is_passed_over(#[case] mirror: fn(&Seen) -> Response) {
    let (mirror, second, location) =
        (Server::start(mirror).await, Server::start(good).await, Server::start(good).await);
    let resolved = resolve(&[&mirror, &second, &location]).await;
    assert_eq!(resolved.digest.as_str(), digest(INDEX));
    assert_eq!((mirror.seen().is_empty(), location.seen().len()), (false, 0));
    assert_eq!(second.seen().len(), 2);
}

#[tokio::test]
async fn a_mirror_that_says_nothing_is_passed_over() {
    let location = Server::start(good).await;
    let silent = raw(b"", true).await;
    let file = format!(
        "[[registry]]\nlocation = '{}'\ninsecure = true\n[[registry.mirror]]\nlocation = '{silent}'\ninsecure = true",
        location.host()
    );
    let registries = RegistriesConf::parse(&file).unwrap();
    let settings = Settings { registries, limits: impatient(), ..Settings::default() };
    let client = Client::new(settings, Anonymous).unwrap();
    let resolved = client.resolve(&location.image(), |_| None).await.unwrap();
    assert_eq!(resolved.digest.as_str(), digest(INDEX));
}

#[tokio::test]
async fn a_mirror_whose_look_is_put_off_is_not_passed_over() {
    let low = |_: &Seen| {
        let answer = with_header(manifest(INDEX), "ratelimit-limit", "100;w=21600");
        with_header(answer, "ratelimit-remaining", "24;w=21600")
    };
    let (mirror, location) = (Server::start(low).await, Server::start(good).await);
    let patient = Client::new(at(&[&mirror, &location]), Anonymous).unwrap().patient();
    patient.digest(&image()).await.unwrap();
    assert_eq!(patient.digest(&image()).await.unwrap_err().reason(), "Deferred");
    assert_eq!((mirror.seen().len(), location.seen().len()), (1, 0));
}

#[tokio::test]
async fn what_the_location_says_counts_when_nobody_has_it() {
    let (mirror, location) = (Server::start(|_| status(503)).await, Server::start(|_| status(404)).await);
    let client = Client::new(at(&[&mirror, &location]), Anonymous).unwrap();
    let error = client.resolve(&image(), |_| None).await.unwrap_err();
    assert_eq!(
        (error.reason(), error.to_string().starts_with("quay.example/team/a:v1: ")),
        ("NotFound", true)
    );
}

#[tokio::test]
async fn a_digest_is_looked_for_in_each_place_and_nowhere_when_it_is_known() {
    let (mirror, location) = (Server::start(liar).await, Server::start(good).await);
    let client = Client::new(at(&[&mirror, &location]), Anonymous).unwrap();
    let image: Reference = format!("quay.example/team/a@{}", digest(INDEX)).parse().unwrap();
    client.resolve(&image, |_| Some("x/y".into())).await.unwrap();
    assert_eq!((mirror.seen().len(), location.seen().len()), (0, 0));
    let resolved = client.resolve(&image, |_| None).await.unwrap();
    assert_eq!((resolved.reference, mirror.seen().len(), location.seen().len()), (image, 1, 1));
}

#[tokio::test]
async fn each_place_is_shown_its_own_credentials_and_no_other_ones() {
    let closed = |seen: &Seen| match &seen.authorization {
        None => with_header(status(401), "www-authenticate", "Basic realm=\"x\""),
        Some(_) => status(403),
    };
    let (mirror, location) = (Server::start(closed).await, Server::start(closed).await);
    let entry = |host: &str, user: &str| format!("\"{host}\":{{\"username\":\"{user}\",\"password\":\"x\"}}");
    let config = format!(
        "{{\"auths\":{{{},{},{},{}}}}}",
        entry("quay.example", "logical"),
        entry(&format!("{}/there", mirror.host()), "mirror"),
        entry(&format!("{}/team", mirror.host()), "elsewhere"),
        entry(&location.host(), "location"),
    );
    let keychain = DockerConfig::parse(config.as_bytes()).unwrap();
    let client = Client::new(at(&[&mirror, &location]), keychain).unwrap();
    assert_eq!(client.resolve(&image(), |_| None).await.unwrap_err().reason(), "Unauthorized");
    for (server, basic) in [(&mirror, "Basic bWlycm9yOng="), (&location, "Basic bG9jYXRpb246eA==")] {
        let mut shown: Vec<_> = server.seen().into_iter().filter_map(|seen| seen.authorization).collect();
        shown.dedup();
        assert_eq!(shown, [basic]);
    }
}

#[tokio::test]
async fn what_is_blocked_is_never_asked_for_and_the_prefix_is_named() {
    let server = Server::start(good).await;
    let host = server.host();
    let file = format!(
        "[[registry]]\nprefix = '{host}/a'\nlocation = '{host}/b'\ninsecure = true\nblocked = true\n\
         [[registry.mirror]]\nlocation = '{host}/mirror'\ninsecure = true"
    );
    let registries = RegistriesConf::parse(&file).unwrap();
    let client = Client::new(Settings { registries, ..server.settings() }, Anonymous).unwrap();
    let by_digest: Reference = format!("{host}/a@{}", digest(INDEX)).parse().unwrap();
    for image in [server.image(), by_digest] {
        let error = client.resolve(&image, |_| Some("x/y".into())).await.unwrap_err();
        assert_eq!(error.fault(), &Fault::Blocked(NoPlace::Blocked { prefix: format!("{host}/a") }));
        assert_eq!((error.reason(), error.retry()), ("Blocked", tagger_registry::Retry::WhenChanged));
    }
    assert_eq!(server.requests(), [""; 0]);

    let neighbour = format!("{host}/ab:latest").parse().unwrap();
    client.resolve(&neighbour, |_| None).await.unwrap();
}

#[tokio::test]
async fn a_name_without_a_registry_passes_over_where_it_is_blocked() {
    let (blocked, has) = (Server::start(good).await, Server::start(good).await);
    let file = format!("[[registry]]\nprefix = '{}/a'\nblocked = true", blocked.host());
    let hosts: Vec<_> = [&blocked, &has].iter().map(|server| server.host().parse().unwrap()).collect();
    let registries = RegistriesConf::parse(&file).unwrap();
    let settings = Settings {
        insecure: hosts.clone(),
        unqualified: hosts,
        registries,
        limits: hurried(),
        ..Settings::default()
    };
    let client = Client::new(settings, Anonymous).unwrap();
    let resolved = client.resolve(&"a".parse().unwrap(), |_| None).await.unwrap();
    assert_eq!(resolved.reference.registry().unwrap().to_string(), has.host());
    assert_eq!(blocked.requests(), [""; 0]);
}

#[tokio::test]
async fn a_mirror_at_a_private_address_is_not_asked_unless_it_is_allowed() {
    let (mirror, location) = (Server::start(good).await, Server::start(good).await);
    let file = format!(
        "[[registry]]\nlocation = '{}'\ninsecure = true\n[[registry.mirror]]\nlocation = '{}'",
        location.host(),
        mirror.host()
    );
    let registries = RegistriesConf::parse(&file).unwrap();
    let settings = Settings { registries, limits: hurried(), authorities: stranger(), ..Settings::default() };
    let client = Client::new(settings, Anonymous).unwrap();
    client.resolve(&location.image(), |_| None).await.unwrap();
    assert_eq!(mirror.requests(), [""; 0]);
}
