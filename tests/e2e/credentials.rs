//! Private registries: whose credentials an import is made with.

use std::path::PathBuf;

use rstest::rstest;
use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::proxy::{Proxy, Recorded};
use tagger_testkit::registry::{Registry, RegistryOptions};
use tagger_testkit::scratch::Scratch;
use tokio::sync::OnceCell;

use crate::support::{Namespace, World, a_moment, eventually, run};

/// What the registry lets its user in with.
const PASSWORD: &str = "correct-horse";

/// A world whose registry lets in one user only.
struct Private {
    world: World,
    /// Another host, with a registry of its own behind it.
    other: Proxy,
    docker_config: PathBuf,
    _files: Scratch,
}

static SHARED: OnceCell<Private> = OnceCell::const_new();

impl Private {
    async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, _open) = World::without_operator(&assets).await;
        let options = RegistryOptions::default().user("puller", PASSWORD);
        let registry = Registry::start(&assets, &options).await.unwrap();
        let (proxy, other) = (Proxy::start(&registry).await.unwrap(), Proxy::start(&registry).await.unwrap());
        let files = Scratch::on_disk().unwrap();
        let docker_config = files.write("config.json", r#"{"auths":{}}"#).unwrap();
        let file = docker_config.display().to_string();
        let flags = [
            "--insecure-registry",
            proxy.address(),
            "--insecure-registry",
            other.address(),
            "--docker-config",
            &file,
        ];
        let operator = World::operator(&control_plane, &registry, &flags).await;
        let world = World { control_plane, registry, proxy, operator };
        Self { world, other, docker_config, _files: files }
    }

    /// What came to a proxy about a namespace's images.
    fn seen(proxy: &Proxy, here: &Namespace<'_>) -> Vec<Recorded> {
        let prefix = format!("{}/", here.name);
        proxy.requests().into_iter().filter(|request| request.repository.starts_with(&prefix)).collect()
    }
}

/// A Tag that imports through a proxy.
fn tag_by(here: &Namespace<'_>, proxy: &Proxy, name: &str, more: Value) -> Value {
    let mut spec = json!({ "from": format!("{}/{}/{name}:latest", proxy.address(), here.name) });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    here.tag(name, spec)
}

fn user(name: &str, password: &str) -> Value {
    json!({ "username": name, "password": password })
}

async fn put(here: &Namespace<'_>, name: &str, auths: Value) {
    put_as(here, name, "kubernetes.io/dockerconfigjson", ".dockerconfigjson", json!({ "auths": auths }))
        .await;
}

async fn put_as(here: &Namespace<'_>, name: &str, kind: &str, key: &str, content: Value) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "type": kind,
        "stringData": { key: content.to_string() },
    });
    here.apply(&secret).await.unwrap();
}

#[rstest]
#[case::json("kubernetes.io/dockerconfigjson", ".dockerconfigjson", |entry| json!({ "auths": entry }))]
#[case::legacy("kubernetes.io/dockercfg", ".dockercfg", |entry| entry)]
fn an_image_is_imported_with_a_secret_of_its_namespace(
    #[case] kind: &str,
    #[case] key: &str,
    #[case] content: fn(Value) -> Value,
    #[values(user("puller", PASSWORD), json!({ "auth": "cHVsbGVyOmNvcnJlY3QtaG9yc2U=" }))] entry: Value,
) {
    run(async {
        let private = Private::shared().await;
        let here = Namespace::new(&private.world, "secret").await;
        let host = private.world.registry.address();
        put_as(&here, "pull", kind, key, content(json!({ (host): entry }))).await;
        here.ready_tag("myapp").await;
    });
}

#[test]
fn a_secret_of_another_namespace_is_never_used() {
    run(async {
        let private = Private::shared().await;
        let proxy = &private.world.proxy;
        let (here, there) =
            (Namespace::new(&private.world, "without").await, Namespace::new(&private.world, "with").await);
        put(&there, "pull", json!({ (proxy.address()): user("puller", PASSWORD) })).await;
        for namespace in [&there, &here] {
            namespace.push("myapp", "latest", 1).await;
            namespace.apply(&tag_by(namespace, proxy, "myapp", json!({}))).await.unwrap();
        }
        there.wait_for_generation("myapp", 0).await;
        let (reason, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "Unauthorized");
        let remedy = format!("a Secret of type kubernetes.io/dockerconfigjson in namespace {}", here.name);
        assert!(message.contains(&remedy), "{message}");
        a_moment().await;
        assert!(Private::seen(proxy, &there).iter().any(Recorded::has_authorization));
        assert!(!Private::seen(proxy, &here).iter().any(Recorded::has_authorization));
    });
}

#[test]
fn a_credential_that_is_refused_does_not_stop_the_next_one() {
    run(async {
        let private = Private::shared().await;
        let here = Namespace::new(&private.world, "several").await;
        let host = private.world.registry.address();
        put(&here, "a", json!({ (format!("{host}/{}", here.name)): user("puller", "wrong") })).await;
        put(&here, "b", json!({ (host): user("puller", PASSWORD) })).await;
        here.ready_tag("myapp").await;
    });
}

#[test]
fn the_secret_that_pods_pull_with_is_tried_first() {
    run(async {
        let private = Private::shared().await;
        let proxy = &private.world.proxy;
        let here = Namespace::new(&private.world, "pods").await;
        put(&here, "a", json!({ (proxy.address()): user("puller", "wrong") })).await;
        put(&here, "b", json!({ (proxy.address()): user("puller", PASSWORD) })).await;
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default" },
            "imagePullSecrets": [{ "name": "b" }],
        });
        here.apply(&account).await.unwrap();
        here.push("myapp", "latest", 1).await;
        here.apply(&tag_by(&here, proxy, "myapp", json!({}))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let shown = Private::seen(proxy, &here).into_iter().filter(Recorded::has_authorization);
        let answers: Vec<_> = shown.map(|request| request.status).collect();
        assert_eq!(answers, [Some(200), Some(200)], "the wrong one of a was never shown");
    });
}

#[test]
fn a_secret_that_rotates_counts_without_a_restart() {
    run(async {
        let private = Private::shared().await;
        let here = Namespace::new(&private.world, "rotation").await;
        let host = private.world.registry.address();
        put(&here, "pull", json!({ (&host): user("puller", "old") })).await;
        here.push("myapp", "latest", 1).await;
        here.apply(&here.tag("myapp", json!({}))).await.unwrap();
        let (reason, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "Unauthorized");
        assert!(message.contains("the one credential that matches it"), "{message}");
        put(&here, "pull", json!({ (host): user("puller", PASSWORD) })).await;
        here.wait_for_generation("myapp", 0).await;
    });
}

#[test]
fn a_damaged_secret_is_told_once_and_stops_no_other() {
    run(async {
        let private = Private::shared().await;
        let here = Namespace::new(&private.world, "damaged").await;
        let host = private.world.registry.address();
        put(&here, "broken", json!({ "quay.io": { "auth": "hunter2!" } })).await;
        here.push("myapp", "latest", 1).await;
        here.apply(&here.tag("myapp", json!({ "generation": 0 }))).await.unwrap();
        let (_, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert!(
            message.contains("the Secret broken is damaged: the `auth` of the entry quay.io"),
            "{message}"
        );
        put(&here, "well", json!({ (host): user("puller", PASSWORD) })).await;
        here.wait_for_generation("myapp", 0).await;
        here.go_to_generation("myapp", 1).await;
        let told = || async {
            let reasons = here.events_on("Tag", "myapp").await;
            reasons.iter().filter(|reason| *reason == "CredentialsInvalid").count()
        };
        eventually("the damage is told", || async { (told().await > 0).then_some(()) }).await;
        a_moment().await;
        assert_eq!(told().await, 1);
        let events = here.kubectl(&["get", "events", "-o", "yaml"]).await.unwrap();
        let log = std::fs::read_to_string(private.world.operator.log()).unwrap();
        for secret in ["hunter2", PASSWORD, "cHVsbGVy"] {
            let told = [&message, &events, &log].iter().any(|text| text.contains(secret));
            assert!(!told, "{secret} is told");
        }
    });
}

#[test]
fn a_credential_is_seen_by_its_own_host_alone() {
    run(async {
        let private = Private::shared().await;
        let (proxy, other) = (&private.world.proxy, &private.other);
        let here = Namespace::new(&private.world, "host").await;
        put(&here, "pull", json!({ (proxy.address()): user("puller", PASSWORD) })).await;
        for name in ["mine", "others"] {
            here.push(name, "latest", 1).await;
        }
        here.apply(&tag_by(&here, proxy, "mine", json!({}))).await.unwrap();
        here.apply(&tag_by(&here, other, "others", json!({}))).await.unwrap();
        here.wait_for_generation("mine", 0).await;
        here.wait_for_condition("others", "Reconciling").await;
        assert!(Private::seen(proxy, &here).iter().any(Recorded::has_authorization));
        let seen = Private::seen(other, &here);
        assert!(!seen.is_empty() && !seen.iter().any(Recorded::has_authorization));
    });
}

#[test]
fn the_operators_own_docker_config_is_read_anew_when_it_changes() {
    run(async {
        let private = Private::shared().await;
        let here = Namespace::new(&private.world, "operator").await;
        here.push("myapp", "latest", 1).await;
        here.apply(&here.tag("myapp", json!({}))).await.unwrap();
        here.wait_for_condition("myapp", "Reconciling").await;
        let place = format!("{}/{}/", private.world.registry.address(), here.name);
        let config = json!({ "auths": { (place): user("puller", PASSWORD) } }).to_string();
        // As a whole, the way a mounted Secret changes.
        let new = private.docker_config.with_extension("new");
        std::fs::write(&new, config).unwrap();
        std::fs::rename(&new, &private.docker_config).unwrap();
        here.wait_for_generation("myapp", 0).await;
        std::fs::write(&private.docker_config, "{").unwrap();
        here.push("myapp", "latest", 2).await;
        // Long enough for the file to be looked at again: the broken one is told and not used.
        eventually("the broken file is told", || async {
            let newest = here.get("tag", "myapp").await?["status"]["generation"].as_i64()?;
            here.go_to_generation("myapp", newest + 1).await;
            let log = std::fs::read_to_string(private.world.operator.log()).unwrap();
            log.contains("credentials stay as they were").then_some(())
        })
        .await;
    });
}

#[test]
fn secrets_are_read_where_tagger_may_and_the_lack_of_the_right_is_told() {
    run(async {
        let private = Private::start().await;
        let host = private.world.registry.address();
        let kubectl = private.world.control_plane.kubectl();
        kubectl.run(&["delete", "clusterrolebinding", "tagger-credentials"]).await.unwrap();
        let (here, there) =
            (Namespace::new(&private.world, "bound").await, Namespace::new(&private.world, "unbound").await);
        let bind =
            "create rolebinding tagger --clusterrole=tagger-credentials --serviceaccount=tagger:tagger";
        here.kubectl(&bind.split(' ').collect::<Vec<_>>()).await.unwrap();
        for namespace in [&here, &there] {
            put(namespace, "pull", json!({ (&host): user("puller", PASSWORD) })).await;
            namespace.push("myapp", "latest", 1).await;
            namespace.apply(&namespace.tag("myapp", json!({}))).await.unwrap();
        }
        here.wait_for_generation("myapp", 0).await;
        let (reason, message) = there.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "Unauthorized");
        assert!(message.contains("lacks the right to list secrets"), "{message}");
        there.kubectl(&bind.split(' ').collect::<Vec<_>>()).await.unwrap();
        there.wait_for_generation("myapp", 0).await;
    });
}

#[test]
fn a_tag_that_names_the_api_server_reaches_nothing_there() {
    run(async {
        let private = Private::shared().await;
        let here = Namespace::new(&private.world, "api-server").await;
        let server = private.world.control_plane.server().split_once("://").unwrap().1;
        let tag = here.tag("myapp", json!({ "from": format!("{server}/api/v1:latest") }));
        here.apply(&tag).await.unwrap();
        // What Tagger shows the API server is in no keychain, and no Tag leads to a private address that nobody allowed.
        let (reason, message) = here.wait_for_condition("myapp", "Reconciling").await;
        assert_eq!(reason, "AddressRefused", "{message}");
    });
}

#[test]
fn tags_that_import_at_once_read_the_secrets_of_their_namespace_once() {
    const TAGS: usize = 60;
    run(async {
        let private = Private::start().await;
        let here = Namespace::new(&private.world, "crowd").await;
        put(&here, "pull", json!({ (private.world.registry.address()): user("puller", PASSWORD) })).await;
        here.push("myapp", "latest", 1).await;
        let from = format!("{}:latest", here.repository("myapp"));
        let tags: Vec<Value> =
            (0..TAGS).map(|number| here.tag(&format!("tag-{number}"), json!({ "from": from }))).collect();
        let before = lists(&private.world).await;
        here.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": tags })).await.unwrap();
        eventually("all Tags are Ready", || async {
            let ready = here.list("tags").await.into_iter().filter(|tag| tag["status"]["generation"] == 0);
            (ready.count() == TAGS).then_some(())
        })
        .await;
        let lists = lists(&private.world).await - before;
        assert!((2..TAGS).contains(&lists), "{lists} lists of Secrets, two types each time");
    });
}

/// How often the Secrets of a namespace were listed, as the API server counts it.
async fn lists(world: &World) -> usize {
    let metrics = world.control_plane.kubectl().run(&["get", "--raw", "/metrics"]).await.unwrap();
    let counted = metrics.lines().filter(|line| {
        line.starts_with("apiserver_request_total{")
            && ["resource=\"secrets\"", "scope=\"namespace\"", "verb=\"LIST\""]
                .iter()
                .all(|label| line.contains(label))
    });
    counted.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}
