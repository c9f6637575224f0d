//! A registry tells of a push, and everything follows; what it did not push changes nothing.

use futures::future::join_all;
use serde_json::json;
use tagger_testkit::proxy::Kind;

use crate::support::told::{Told, trigger};
use crate::support::{Namespace, a_moment, eventually, run};

#[test]
fn what_is_pushed_rolls_out_with_nobodys_hand() {
    run(async {
        let here = Namespace::new(&Told::shared().await.world, "pushed").await;
        here.following("myapp", json!({})).await;
        here.apply(&here.deployment("web", "myapp")).await.unwrap();
        let second = here.push("myapp", "latest", 1).await;
        here.wait_for_image("deployment", "web", &second).await;
        let newest = here.newest("myapp", 1).await;
        assert_eq!((trigger(&newest), &newest["tag"]), (json!("Push"), &json!("latest")));
        eventually("an Event of the import", || async {
            let events = here.events_on("Tag", "myapp").await;
            (events.iter().filter(|reason| *reason == "Imported").count() == 2).then_some(())
        })
        .await;
    });
}

#[test]
fn only_those_are_looked_at_who_follow_what_was_pushed() {
    run(async {
        let told = Told::shared().await;
        let here = Namespace::new(&told.world, "meant").await;
        here.following("myapp", json!({})).await;
        here.following("deaf", json!({ "track": { "push": false } })).await;
        here.push("myapp", "v2", 7).await;
        here.push("deaf", "latest", 7).await;
        here.push("myapp", "latest", 8).await;
        here.newest("myapp", 1).await;
        a_moment().await;
        assert_eq!(here.generations("deaf").await, (vec![0], 0));
        assert_eq!(here.generations("myapp").await, (vec![1, 0], 1), "v2 is another tag");
    });
}

#[test]
fn a_manifest_that_names_no_generation_can_be_applied_at_any_time() {
    run(async {
        for words in [&["apply", "-f", "-"][..], &["apply", "--server-side", "-f", "-"]] {
            let here = Namespace::new(&Told::shared().await.world, "git").await;
            here.push("myapp", "latest", 0).await;
            let (tag, deployment) = (here.tag("myapp", json!({})), here.deployment("web", "myapp"));
            let apply = async || {
                for object in [&tag, &deployment] {
                    here.with_input(words, object).await.unwrap();
                }
            };
            apply().await;
            here.wait_for_generation("myapp", 0).await;
            let second = here.push("myapp", "latest", 1).await;
            here.wait_for_image("deployment", "web", &second).await;
            here.wait_for_generation("myapp", 1).await;
            let (before, known) = (here.settled("web").await, here.get("tag", "myapp").await.unwrap());
            apply().await;
            a_moment().await;
            assert_eq!(here.settled("web").await, before);
            let after = here.get("tag", "myapp").await.unwrap();
            assert_eq!((&after["spec"], &after["status"]), (&known["spec"], &known["status"]));
        }
    });
}

#[test]
fn a_notification_that_is_forged_repeated_or_late_changes_nothing_that_the_registry_does_not_say() {
    run(async {
        let told = Told::shared().await;
        let here = Namespace::new(&told.world, "forged").await;
        here.following("myapp", json!({})).await;
        let second = here.push("myapp", "latest", 1).await;
        here.newest("myapp", 1).await;
        let before = here.get("tag", "myapp").await.unwrap();
        let (host, repository) = (told.world.registry.address(), format!("{}/myapp", here.name));
        let forged = format!("sha256:{}", "f".repeat(64));
        let first = before["status"]["references"][1]["digest"].as_str().unwrap().to_owned();
        let current = second.split_once('@').unwrap().1.to_owned();
        for digest in [&forged, &first, &current, &current] {
            assert!(
                (200..300).contains(&told.notifier.tell(&host, &repository, "latest", digest).await.unwrap())
            );
        }
        a_moment().await;
        let after = here.get("tag", "myapp").await.unwrap();
        assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
    });
}

#[test]
fn ten_thousand_notifications_are_one_import() {
    run(async {
        let told = Told::start(&[]).await;
        let here = Namespace::new(&told.world, "burst").await;
        let (host, repository) = (told.world.proxy.address(), format!("{}/myapp", here.name));
        here.push("myapp", "latest", 0).await;
        here.apply(&here.proxied_tag("myapp", json!({}))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let second = here.push("myapp", "latest", 1).await;
        let digest = second.split_once('@').unwrap().1;
        told.world.proxy.reset();
        let senders = (0..20).map(|_| async {
            let mut taken = 0;
            while taken < 500 {
                match told.notifier.tell(host, &repository, "latest", digest).await.unwrap() {
                    // It is full, and says so.
                    429 => {}
                    status => {
                        assert!((200..300).contains(&status), "{status}");
                        taken += 1;
                    }
                }
            }
        });
        join_all(senders).await;
        here.newest("myapp", 1).await;
        a_moment().await;
        assert_eq!(here.generations("myapp").await, (vec![1, 0], 1));
        let gets = told.world.proxy.count("GET", Kind::Manifest);
        assert_eq!(gets, 1, "a manifest that is known is not read again");
        told.world.operator.stop().unwrap();
    });
}
