//! A leader that is paused for longer than its lease lasts, with work under way, and goes on then.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use tagger_testkit::balancer::Balancer;
use tagger_testkit::clock::Clock;
use tagger_testkit::operator::{Operator, OperatorOptions};
use tagger_testkit::proxy::{Fault, Match, Proxy};

use super::ground::Ground;
use crate::support::cached::{digest_of, pull};
use crate::support::{Namespace, World, a_moment, eventually, run};

/// Two replicas behind one address, the first of which leads; it reaches the API server through a proxy of its own.
struct Two {
    first: Operator,
    second: Operator,
    api: Proxy,
    _balancer: Balancer,
}

impl Two {
    /// Starts them in place of the ground's own operator.
    async fn start(ground: &Ground, clocks: [&[(String, String)]; 2]) -> Self {
        let World { control_plane, registry, proxy, operator } = ground.world();
        operator.kill().unwrap();
        let balancer = Balancer::start(Duration::from_millis(500)).await.unwrap();
        let (api, kubeconfig) = control_plane.proxy_for_service_account("tagger", "tagger").await.unwrap();
        let start = async |name: &str, kubeconfig, environment: &[(String, String)]| {
            let flags = [
                "--instance",
                name,
                "--insecure-registry",
                proxy.address(),
                "--cache-registry",
                ground.cached.proxy.address(),
                "--cache-insecure",
            ];
            let options = OperatorOptions {
                kubeconfig,
                admission_url: Some(balancer.url()),
                environment: environment.into(),
                flags: flags.map(str::to_owned).into(),
            };
            let operator = World::operator_with(control_plane, registry, options).await;
            balancer.add(&operator);
            operator
        };
        let first = start("first", Some(kubeconfig), clocks[0]).await;
        leads(ground, "first").await;
        let second = start("second", None, clocks[1]).await;
        eventually("both answer admission", || async { (balancer.ready() == 2).then_some(()) }).await;
        Self { first, second, api, _balancer: balancer }
    }

    /// How often a generation of a namespace was imported, by whomever.
    fn imports(&self, here: &Namespace<'_>, number: i64) -> usize {
        let (generation, namespace) =
            (format!("imported generation {number}:"), format!("namespace=\"{}\"", here.name));
        let logs = [self.first.logged(), self.second.logged()];
        let lines = logs.iter().flat_map(|log| log.lines());
        lines.filter(|line| line.contains(&generation) && line.contains(&namespace)).count()
    }
}

/// Waits until a replica holds the Lease.
async fn leads(ground: &Ground, instance: &str) {
    eventually(&format!("{instance} leads"), || async {
        let path = "/apis/coordination.k8s.io/v1/namespaces/tagger/leases/tagger";
        let (_, lease) = ground.world().control_plane.ask("GET", path, None).await.unwrap();
        lease["spec"]["holderIdentity"].as_str()?.starts_with(instance).then_some(())
    })
    .await;
}

/// What the paused leader has under way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    /// A copy into the cache.
    Copy,
    /// A write of a status, which arrives when another one leads.
    Status,
    /// A roll-out, which arrives when another one leads.
    RollOut,
}

#[rstest]
fn a_leader_that_is_paused_past_its_lease_writes_nothing_stale(
    #[values(Work::Copy, Work::Status, Work::RollOut)] work: Work,
) {
    run(async {
        let ground = Ground::take().await;
        let two = Two::start(&ground, [&[], &[]]).await;
        let here = Namespace::new(ground.world(), "paused").await;
        here.push("myapp", "latest", 0).await;
        here.apply(&here.proxied_tag("myapp", json!({ "cache": true, "generation": 0 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();

        let mine = here.name.clone();
        let of_ours = Match::any().when(move |asked| asked.path.contains(&format!("/{mine}/"))).times(1);
        let way = if work == Work::Copy { &ground.cached.proxy } else { &two.api };
        way.take_requests();
        way.fault(
            match work {
                Work::Copy => of_ours.method("PUT").path("/uploads/"),
                Work::Status => of_ours.method("PUT").path("/myapp/status"),
                Work::RollOut => of_ours.method("PATCH").path("/deployments/d"),
            },
            Fault::forward().held(),
        );
        here.push("myapp", "latest", 1).await;
        here.patch_tag("myapp", json!({ "generation": 1 })).await;
        let hangs = || {
            way.requests().iter().any(|asked| {
                let is_write = ["PUT", "PATCH"].contains(&asked.method.as_str());
                is_write && asked.status.is_none() && asked.path.contains(&here.name)
            })
        };
        eventually("it is under way", || async { hangs().then_some(()) }).await;
        // Its body has arrived as well.
        tokio::time::sleep(Duration::from_millis(200)).await;
        two.first.signal("STOP").unwrap();

        leads(&ground, "second").await;
        here.wait_for_generation("myapp", 1).await;
        let last = here.push("myapp", "latest", 2).await;
        here.go_to_generation("myapp", 2).await;
        let copy = ground.cached.copy(&here, "myapp", &last);
        here.wait_for_image("deployment", "d", &copy).await;
        let before = (here.get("tag", "myapp").await.unwrap(), here.settled("d").await);
        way.release();
        eventually("what was held has arrived", || async { (!hangs()).then_some(()) }).await;
        two.first.signal("CONT").unwrap();
        eventually("it leads no more", || async {
            two.first.logged().contains("leading no more").then_some(())
        })
        .await;
        a_moment().await;
        a_moment().await;

        let after = (here.get("tag", "myapp").await.unwrap(), here.settled("d").await);
        assert_eq!(after.0["status"], before.0["status"]);
        assert_eq!(after.1, before.1, "it did not go back, not for a moment");
        let digests: Vec<Value> = after.0["status"]["references"]
            .as_array()
            .unwrap()
            .iter()
            .map(|known| known["generation"].clone())
            .collect();
        assert_eq!(digests, [2, 1, 0].map(|number| json!(number)));
        for number in 0..3 {
            assert_eq!(two.imports(&here, number), 1, "generation {number}");
        }
        pull(ground.cached.cache.target(), &format!("{}/myapp", here.name), digest_of(&last)).await;
        for (tag, number) in [("g0", 2), ("g1", 1), ("g2", 0), ("current", 0)] {
            let digest = after.0["status"]["references"][number]["digest"].as_str();
            assert_eq!(ground.cached.digest(&here, "myapp", tag).await.as_deref(), digest, "{tag}");
        }
        // It takes over in its turn.
        two.second.end().await.unwrap();
        leads(&ground, "first").await;
        here.push("myapp", "latest", 3).await;
        here.go_to_generation("myapp", 3).await;
        two.first.end().await.unwrap();
    });
}

#[rstest]
fn replicas_whose_clocks_are_a_day_apart_hand_over_as_others_do(#[values("+1d", "-1d")] offset: &str) {
    run(async {
        let ground = Ground::take().await;
        let clock = Clock::off_by(offset).await.unwrap();
        let two = Two::start(&ground, [&[], &clock.environment()]).await;
        let here = Namespace::new(ground.world(), "apart").await;
        here.ready_tag("myapp").await;
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        a_moment().await;
        leads(&ground, "first").await;
        two.first.kill().unwrap();
        leads(&ground, "second").await;
        let second = here.push("myapp", "latest", 1).await;
        here.go_to_generation("myapp", 1).await;
        here.wait_for_image("deployment", "d", &second).await;
        two.first.start_again().await.unwrap();
        a_moment().await;
        leads(&ground, "second").await;
        two.second.end().await.unwrap();
        leads(&ground, "first").await;
        let third = here.push("myapp", "latest", 2).await;
        here.go_to_generation("myapp", 2).await;
        here.wait_for_image("deployment", "d", &third).await;
        for number in 0..3 {
            assert_eq!(two.imports(&here, number), 1, "generation {number}");
        }
        two.first.end().await.unwrap();
    });
}
