//! Two replicas: both answer, one reconciles, and the other one takes over.

use serde_json::{Value, json};
use tagger_testkit::notifier::Notifier;
use tagger_testkit::operator::Operator;

use crate::support::told::{SECRET, trigger};
use crate::support::{Namespace, World, a_moment, eventually, run};

/// A world with a second operator, which follows the first.
async fn two() -> (World, Operator) {
    let world = World::start(&["--instance", "first"]).await;
    leads(&world, "first").await;
    let secret = format!("--from-literal=distribution={SECRET}");
    let words = ["create", "secret", "generic", "tagger-receiver", "--namespace", "tagger", &secret];
    world.control_plane.kubectl().run(&words).await.unwrap();
    let more = ["--insecure-registry", world.proxy.address(), "--instance", "second"];
    let second = World::operator(&world.control_plane, &world.registry, &more).await;
    (world, second)
}

async fn lease(world: &World) -> Value {
    let words = ["get", "lease", "tagger", "--namespace", "tagger", "--ignore-not-found", "-o", "json"];
    let text = world.control_plane.kubectl().run(&words).await.unwrap();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Waits until a replica holds the Lease.
async fn leads(world: &World, instance: &str) {
    eventually(&format!("{instance} leads"), || async {
        let holder = lease(world).await["spec"]["holderIdentity"].as_str()?.to_owned();
        holder.starts_with(instance).then_some(())
    })
    .await;
}

#[test]
fn a_push_that_a_follower_hears_of_is_imported_once_by_the_leader() {
    run(async {
        let (world, second) = two().await;
        let here = Namespace::new(&world, "relayed").await;
        here.following("myapp", json!({})).await;
        here.following("other", json!({})).await;
        let untouched = here.get("tag", "other").await;
        let notifier = Notifier::new(&second.receiver(), SECRET).unwrap();
        let (host, repository) = (world.registry.address(), format!("{}/myapp", here.name));
        let pushed = here.push("myapp", "latest", 1).await;
        let digest = pushed.split_once('@').unwrap().1;
        eventually("the follower takes it", || async {
            let status = notifier.tell(&host, &repository, "latest", digest).await.unwrap();
            (200..300).contains(&status).then_some(())
        })
        .await;
        for _ in 0..20 {
            notifier.tell(&host, &repository, "latest", digest).await.unwrap();
        }
        let newest = here.newest("myapp", 1).await;
        assert_eq!(trigger(&newest), json!("Push"));
        eventually("nothing is left of the note", || async {
            let tag = here.get("tag", "myapp").await?;
            tag["metadata"]["annotations"].get("images.io/pushed").is_none().then_some(())
        })
        .await;
        a_moment().await;
        assert_eq!(here.generations("myapp").await, (vec![1, 0], 1));
        assert_eq!(here.get("tag", "other").await, untouched);
        leads(&world, "first").await;
        let log = std::fs::read_to_string(second.log()).unwrap();
        assert!(!log.contains("imported generation"), "it follows: {log}");
        second.stop().unwrap();
        world.operator.stop().unwrap();
    });
}

#[test]
fn a_leader_that_goes_hands_over_and_one_that_is_killed_is_followed() {
    run(async {
        let (world, second) = two().await;
        let here = Namespace::new(&world, "hand-over").await;
        here.ready_tag("myapp").await;
        here.apply(&here.deployment("web", "myapp")).await.unwrap();
        world.operator.stop().unwrap();
        leads(&world, "second").await;
        let next = here.push("myapp", "latest", 1).await;
        here.go_to_generation("myapp", 1).await;
        here.wait_for_image("deployment", "web", &next).await;
        world.operator.start_again().await.unwrap();
        second.kill().unwrap();
        leads(&world, "first").await;
        let last = here.push("myapp", "latest", 2).await;
        here.go_to_generation("myapp", 2).await;
        here.wait_for_image("deployment", "web", &last).await;
        assert_eq!(lease(&world).await["spec"]["leaseTransitions"], 3);
        world.operator.stop().unwrap();
        assert_eq!(lease(&world).await["spec"]["holderIdentity"], "");
    });
}

#[test]
fn who_lost_the_lease_to_another_begins_nothing_and_takes_it_up_again_when_it_is_free() {
    run(async {
        let world = World::start(&["--instance", "first"]).await;
        leads(&world, "first").await;
        let here = Namespace::new(&world, "lost").await;
        here.ready_tag("myapp").await;
        let hold = async |holder: &str| {
            let patch =
                json!({ "spec": { "holderIdentity": holder, "leaseDurationSeconds": 300 } }).to_string();
            let words = ["patch", "lease", "tagger", "--namespace", "tagger", "--type=merge", "-p", &patch];
            world.control_plane.kubectl().run(&words).await.unwrap();
        };
        hold("somebody-else").await;
        eventually("the replica to notice", || async {
            let log = std::fs::read_to_string(world.operator.log()).ok()?;
            log.contains("leading no more").then_some(())
        })
        .await;
        here.push("myapp", "latest", 1).await;
        let patch = json!({ "spec": { "generation": 1 } }).to_string();
        here.kubectl(&["patch", "tag", "myapp", "--type=merge", "-p", &patch]).await.unwrap();
        a_moment().await;
        assert_eq!(here.generations("myapp").await, (vec![0], 0));
        hold("").await;
        here.wait_for_generation("myapp", 1).await;
        world.operator.stop().unwrap();
    });
}
