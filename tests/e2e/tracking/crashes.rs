//! The operator dies while a Tag moves.

use std::time::Duration;

use serde_json::{Value, json};
use tagger_testkit::proxy::{Fault, Match};

use crate::support::cached::digest_of;
use crate::support::told::{Told, trigger};
use crate::support::{Namespace, a_moment, eventually, run};

/// How many Tags are polled besides.
const POLLED: usize = 60;

#[test]
fn an_operator_that_is_killed_between_the_raise_and_the_import_loses_nothing_and_does_nothing_twice() {
    run(async {
        let told = Told::start(&[]).await;
        let here = Namespace::new(&told.world, "killed").await;
        let (proxy, operator) = (&told.world.proxy, &told.world.operator);
        let repository = |name: &str| format!("{}/{name}", here.name);
        let hang = |method: &str, name: &str, after: usize| {
            proxy.take_requests();
            let matching = Match::manifest().method(method).repository(&repository(name)).after(after);
            proxy.fault(matching, Fault::never());
        };
        let hangs = async |name: &str| {
            eventually("a request that hangs", || async {
                let asked = proxy.requests();
                let mut asked = asked.iter().filter(|asked| asked.repository == repository(name));
                asked.any(|asked| asked.status.is_none()).then_some(())
            })
            .await;
        };
        let push = async |name: &str, seed: u64| {
            let pushed = here.push(name, "latest", seed).await;
            let digest = digest_of(&pushed).to_owned();
            let status = told.notifier.tell(proxy.address(), &repository(name), "latest", &digest).await;
            assert!((200..300).contains(&status.unwrap()));
            digest
        };
        let again = async || {
            operator.kill().unwrap();
            proxy.heal();
            proxy.take_requests();
            operator.start_again().await.unwrap();
        };
        for name in ["numbered", "back"] {
            here.push(name, "latest", 0).await;
            here.apply(&here.proxied_tag(name, json!({ "generation": 0 }))).await.unwrap();
            here.wait_for_generation(name, 0).await;
        }

        // The first look reads the manifest; the one after the raise hangs.
        hang("GET", "numbered", 1);
        let second = push("numbered", 1).await;
        hangs("numbered").await;
        eventually("it is raised and not imported", || async {
            let tag = here.get("tag", "numbered").await?;
            (tag["spec"]["generation"] == 1 && tag["status"]["generation"] == 0).then_some(())
        })
        .await;
        again().await;
        here.wait_for_generation("numbered", 1).await;
        let newest = here.newest("numbered", 1).await;
        assert_eq!(newest["digest"], second);
        a_moment().await;
        assert_eq!(here.generations("numbered").await, (vec![1, 0], 1));

        // A Tag that was stepped back dies with what it was told of; it is told again, and records it.
        push("back", 1).await;
        here.wait_for_generation("back", 1).await;
        here.go_to_generation("back", 0).await;
        hang("GET", "back", 0);
        let third = push("back", 2).await;
        hangs("back").await;
        again().await;
        a_moment().await;
        assert_eq!(
            here.generations("back").await,
            (vec![1, 0], 0),
            "notifications are hints, and may be lost"
        );
        assert_eq!(push("back", 2).await, third);
        assert_eq!(trigger(&here.newest("back", 2).await), "Push");
        again().await;
        a_moment().await;
        assert_eq!(here.generations("back").await, (vec![2, 1, 0], 0));
        assert_eq!(here.get("tag", "back").await.unwrap()["spec"]["generation"], 0);

        // A start asks nobody for what is there, and does not poll all at once.
        let many: Vec<Value> = (0..POLLED)
            .map(|number| {
                let mut tag = here.proxied_tag("back", json!({ "track": { "interval": "10m" } }));
                tag["metadata"]["name"] = json!(format!("polled-{number}"));
                tag
            })
            .collect();
        here.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": many })).await.unwrap();
        eventually("all Tags are Ready", || async {
            let ready = here.list("tags").await.into_iter().filter(|tag| tag["status"]["generation"] == 0);
            (ready.count() > POLLED).then_some(())
        })
        .await;
        again().await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        let asked = proxy.requests().len();
        assert!(asked <= POLLED / 6, "{asked} requests after a start");
        operator.stop().unwrap();
    });
}
