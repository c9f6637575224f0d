//! Replicas are replaced under load, and nobody who writes notices.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tagger_testkit::assets::Assets;
use tagger_testkit::balancer::Balancer;
use tagger_testkit::control_plane::ControlPlane;
use tagger_testkit::operator::{Operator, OperatorOptions};
use tagger_testkit::proxy::Proxy;
use tagger_testkit::registry::Registry;

use crate::support::{Namespace, World, eventually, run};

/// How many replicas are replaced.
const RESTARTS: usize = 20;

/// How many write at the same time.
const WRITERS: usize = 2;

/// How late it is learnt that a replica leaves: half of the time for which admission still answers then.
const DELAY: Duration = Duration::from_millis(500);

/// What became of all writes.
#[derive(Debug, Default)]
struct Tally {
    written: AtomicUsize,
    failed: Mutex<Vec<String>>,
    unwritten: Mutex<Vec<String>>,
}

#[test]
fn twenty_rolling_restarts_under_a_constant_stream_of_deployment_writes_lose_no_admission() {
    run(async {
        let assets = Assets::obtain().await.unwrap();
        let (control_plane, registry) = World::without_operator(&assets).await;
        let balancer = Balancer::start(DELAY).await.unwrap();
        let mut replicas = Vec::new();
        for number in 0..2 {
            replicas.push(replica(&control_plane, &registry, &balancer, number).await);
        }
        let proxy = Proxy::start(&registry).await.unwrap();
        let first = replicas.remove(0);
        let world = World { control_plane, registry, proxy, operator: first };
        let here = Namespace::new(&world, "upgrades").await;
        let references = Mutex::new(HashSet::from([here.ready_tag("myapp").await]));
        let before = registration(&world).await;

        let (tally, is_over) = (Tally::default(), AtomicBool::new(false));
        let writers = (0..WRITERS).map(|writer| write(&here, writer, &references, &tally, &is_over));
        let writing = join_all(writers);
        let upgrading = async {
            let mut newest = String::new();
            for number in 0..RESTARTS {
                let new = replica(&world.control_plane, &world.registry, &balancer, 2 + number).await;
                match number {
                    0 => leave(&balancer, &world.operator).await,
                    _ => leave(&balancer, &replicas.remove(0)).await,
                }
                replicas.push(new);
                if number % 5 == 4 {
                    // The replicas take turns in this too: a Tag moves, and all that follows it.
                    let generation = i64::try_from(number / 5 + 1).unwrap();
                    newest = here.push("myapp", "latest", number as u64).await;
                    references.lock().unwrap().insert(newest.clone());
                    here.go_to_generation("myapp", generation).await;
                }
            }
            is_over.store(true, Ordering::Relaxed);
            newest
        };
        let (newest, _) = tokio::join!(upgrading, writing);

        let (failed, unwritten) = (tally.failed.into_inner().unwrap(), tally.unwritten.into_inner().unwrap());
        let written = tally.written.load(Ordering::Relaxed);
        eprintln!("{written} writes, {} failed, {} not rewritten", failed.len(), unwritten.len());
        assert!(written >= RESTARTS * 20, "a constant stream: {written}");
        assert!(failed.is_empty() && unwritten.is_empty(), "of {written}: {failed:#?} {unwritten:#?}");
        eventually("every Deployment has the newest image", || async {
            // A list of so many is work, and the machine has enough to do.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let all = here.list("deployments").await;
            all.iter().all(|deployment| image(deployment) == newest).then_some(())
        })
        .await;
        assert_eq!(registration(&world).await, before, "replicas that want the same write it once");
    });
}

/// A replica behind the one address of all, once connections go there.
async fn replica(
    control_plane: &ControlPlane,
    registry: &Registry,
    balancer: &Balancer,
    number: usize,
) -> Operator {
    let flags =
        ["--drain", "1", "--instance"].map(str::to_owned).into_iter().chain([format!("tagger-{number}")]);
    let options = OperatorOptions {
        admission_url: Some(balancer.url()),
        flags: flags.collect(),
        ..OperatorOptions::default()
    };
    let ready = balancer.ready();
    let replica = World::operator_with(control_plane, registry, options).await;
    balancer.add(&replica);
    eventually("the new replica is behind the Service", || async {
        (balancer.ready() > ready).then_some(())
    })
    .await;
    replica
}

/// Ends a replica as Kubernetes does: asked to, and taken out of the Service at the same time.
async fn leave(balancer: &Balancer, replica: &Operator) {
    replica.end().await.unwrap();
    balancer.remove(replica);
}

/// Writes Deployments that name the Tag, new ones and changed ones, until it is over.
async fn write(
    here: &Namespace<'_>,
    writer: usize,
    references: &Mutex<HashSet<String>>,
    tally: &Tally,
    is_over: &AtomicBool,
) {
    let path = format!("/apis/apps/v1/namespaces/{}/deployments", here.name);
    for number in 0_usize.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        // Each is made once, and then changed nine times; nobody need make Pods of it.
        let name = format!("d-{writer}-{}", number / 10);
        let answer = if number.is_multiple_of(10) {
            let mut deployment = here.deployment(&name, "myapp");
            deployment["spec"]["replicas"] = json!(0);
            here.world.control_plane.ask("POST", &path, Some(&deployment)).await
        } else {
            // As when a changed manifest is applied: it names the Tag where the reference stands.
            let containers = json!([{ "name": "app", "image": "myapp" }]);
            let template = json!({ "spec": { "containers": containers } });
            let patch = json!({ "metadata": { "labels": { "change": number.to_string() } }, "spec": { "template": template } });
            here.world.control_plane.ask("PATCH", &format!("{path}/{name}"), Some(&patch)).await
        };
        tally.written.fetch_add(1, Ordering::Relaxed);
        match answer {
            Ok((200 | 201, object)) => {
                if !references.lock().unwrap().contains(&image(&object)) {
                    tally.unwritten.lock().unwrap().push(format!("{name}/{number}: {}", image(&object)));
                }
            }
            Ok((status, why)) => {
                tally.failed.lock().unwrap().push(format!("{name}/{number}: {status} {why}"))
            }
            Err(error) => tally.failed.lock().unwrap().push(format!("{name}/{number}: {error:#}")),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn image(deployment: &Value) -> String {
    let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
    image.as_str().unwrap_or_default().to_owned()
}

/// The versions of what all replicas share: both registrations and the authority.
async fn registration(world: &World) -> Vec<Value> {
    let mut versions = Vec::new();
    for path in [
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/tagger",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/tagger",
        "/api/v1/namespaces/tagger/secrets/tagger-certificates",
    ] {
        let (status, object) = world.control_plane.ask("GET", path, None).await.unwrap();
        assert_eq!(status, 200, "{object}");
        versions.push(object["metadata"]["resourceVersion"].clone());
    }
    versions
}
