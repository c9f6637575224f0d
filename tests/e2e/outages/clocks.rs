//! A clock that is wrong, and is set.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use tagger_testkit::clock::Clock;
use tagger_testkit::operator::{Operator, OperatorOptions};

use super::ground::Ground;
use crate::support::{Namespace, World, eventually, run};

/// How many Tags are polled.
const POLLED: usize = 60;

/// An operator with this clock, in place of the ground's own.
async fn operator(ground: &Ground, clock: &Clock) -> Operator {
    let world = ground.world();
    world.operator.kill().unwrap();
    let options = OperatorOptions {
        environment: clock.environment(),
        flags: ["--insecure-registry", world.proxy.address()].map(str::to_owned).into(),
        ..OperatorOptions::default()
    };
    World::operator_with(&world.control_plane, &world.registry, options).await
}

/// Has the certificates looked at now: nobody wants to wait a minute for the next look.
async fn look_at_certificates(here: &Namespace<'_>, why: &str) {
    let words = ["annotate", "--overwrite", "--namespace=tagger", "secret", "tagger-certificates"];
    let note = format!("looked-at={why}");
    here.world.control_plane.kubectl().run(&[&words[..], &[&note]].concat()).await.unwrap();
}

/// Says whether admission answers: with an image, in the very request.
async fn is_rewritten(here: &Namespace<'_>, image: &str) -> bool {
    let dry = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
    let made = here.with_input(&dry, &here.deployment("rehearsed", "myapp")).await;
    made.is_ok_and(|made| made.contains(image))
}

#[rstest]
fn a_clock_that_is_a_day_off_and_is_set_right_stops_nothing_and_starts_no_storm(
    #[values("+1d", "-1d")] offset: &str,
) {
    run(async {
        let ground = Ground::take().await;
        let here = Namespace::new(ground.world(), "clock").await;
        let first = here.ready_tag("myapp").await;
        here.push("polled", "latest", 100).await;
        let polled: Vec<_> = (0..POLLED)
            .map(|number| {
                let mut tag = here.proxied_tag("polled", json!({ "track": { "interval": "10m" } }));
                tag["metadata"]["name"] = json!(format!("polled-{number}"));
                tag
            })
            .collect();
        here.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": polled })).await.unwrap();
        eventually("all are Ready", || async {
            let ready = here.list("tags").await.into_iter().filter(|tag| tag["status"]["generation"] == 0);
            (ready.count() > POLLED).then_some(())
        })
        .await;

        let proxy = &ground.world().proxy;
        let quiet = async |when: &str| {
            proxy.take_requests();
            tokio::time::sleep(Duration::from_secs(3)).await;
            let asked = proxy.take_requests().len();
            assert!(asked <= POLLED / 6, "{asked} requests {when}");
        };
        let clock = Clock::off_by(offset).await.unwrap();
        let operator = operator(&ground, &clock).await;
        quiet("after a start with a wrong clock").await;
        assert!(is_rewritten(&here, &first).await, "its certificate is believed");
        let mut newest = first;
        // It is set right while it runs, and wrong again.
        for (generation, now) in [(1, offset), (2, "+0"), (3, offset)] {
            clock.set(now).unwrap();
            quiet("after its clock was set").await;
            newest = here.push("myapp", "latest", generation).await;
            here.go_to_generation("myapp", i64::try_from(generation).unwrap()).await;
            look_at_certificates(&here, &format!("{generation}")).await;
            eventually("admission answers", || async { is_rewritten(&here, &newest).await.then_some(()) })
                .await;
        }
        let known = here.get("tag", "myapp").await.unwrap()["status"]["references"].clone();
        let numbers: Vec<_> =
            known.as_array().unwrap().iter().map(|known| known["generation"].clone()).collect();
        assert_eq!(numbers, [3, 2, 1, 0].map(|number| json!(number)), "whatever their times say");
        assert!(here.list("tags").await.iter().all(|tag| {
            tag["metadata"]["name"] == "myapp" || tag["status"]["references"].as_array().unwrap().len() == 1
        }));
        operator.end().await.unwrap();

        // Whoever comes after it, with a clock that is right, takes what it left.
        ground.world().operator.start_again().await.unwrap();
        eventually("admission answers", || async { is_rewritten(&here, &newest).await.then_some(()) }).await;
    });
}

/// The API server keeps to its own clock: it believes no certificate from the future.
#[test]
fn a_certificate_that_was_made_by_a_clock_far_ahead_is_made_anew_when_the_clock_is_right() {
    run(async {
        let ground = Ground::take().await;
        let here = Namespace::new(ground.world(), "future").await;
        let first = here.ready_tag("myapp").await;
        let clock = Clock::off_by("+0").await.unwrap();
        let operator = operator(&ground, &clock).await;
        assert!(is_rewritten(&here, &first).await);
        clock.set("+100d").unwrap();
        // What it serves seems expired to it, and it makes another one.
        tokio::time::sleep(Duration::from_secs(2)).await;
        look_at_certificates(&here, "ahead").await;
        eventually("a certificate from the future", || async {
            operator.logged().contains("serving a new certificate why=it expired").then_some(())
        })
        .await;
        clock.set("+0").unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        look_at_certificates(&here, "right").await;
        eventually("a certificate of today", || async {
            operator.logged().contains("serving a new certificate why=it is not valid before").then_some(())
        })
        .await;
        eventually("admission answers", || async { is_rewritten(&here, &first).await.then_some(()) }).await;
        operator.end().await.unwrap();
    });
}
