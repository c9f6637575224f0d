//! A registry that tells nothing is asked.

use serde_json::json;
use tagger_testkit::proxy::Kind;

use crate::support::told::trigger;
use crate::support::{Namespace, World, eventually, run};

#[test]
fn what_is_polled_rolls_out_and_costs_one_head_while_nothing_moved() {
    run(async {
        let here = Namespace::new(World::shared().await, "polled").await;
        let polled = json!({ "track": { "interval": "30s" } });
        for name in ["moves", "rests", "numbered", "back", "suspended"] {
            here.push(name, "latest", 0).await;
        }
        for name in ["moves", "rests", "suspended"] {
            here.apply(&here.proxied_tag(name, polled.clone())).await.unwrap();
        }
        for name in ["numbered", "back"] {
            let mut tag = here.proxied_tag(name, polled.clone());
            tag["spec"]["generation"] = json!(0);
            here.apply(&tag).await.unwrap();
        }
        for name in ["moves", "rests", "numbered", "back", "suspended"] {
            here.wait_for_generation(name, 0).await;
        }
        here.push("back", "latest", 1).await;
        here.go_to_generation("back", 1).await;
        here.go_to_generation("back", 0).await;
        here.patch_tag("suspended", json!({ "suspend": true })).await;
        here.apply(&here.deployment("web", "moves")).await.unwrap();
        let seen = here.world.proxy.requests().len();
        for name in ["moves", "numbered", "back", "suspended"] {
            here.push(name, "latest", 2).await;
        }
        let moved = here.newest("moves", 1).await;
        assert_eq!(trigger(&moved), "Poll");
        here.wait_for_image("deployment", "web", moved["imageReference"].as_str().unwrap()).await;
        here.wait_for_generation("numbered", 1).await;
        assert_eq!(trigger(&here.newest("numbered", 1).await), "Poll");
        here.newest("back", 2).await;
        assert_eq!(here.generations("back").await, (vec![2, 1, 0], 0));
        let rests = format!("{}/rests", here.name);
        eventually("a Tag that rests is asked for", || async {
            here.world.proxy.requests()[seen..].iter().any(|asked| asked.repository == rests).then_some(())
        })
        .await;
        let asked: Vec<_> = here.world.proxy.requests()[seen..]
            .iter()
            .filter(|asked| asked.repository == rests)
            .map(|asked| (asked.method.clone(), asked.kind))
            .collect();
        assert!(asked.iter().all(|asked| *asked == ("HEAD".into(), Kind::Manifest)), "{asked:?}");
        assert_eq!(here.generations("suspended").await, (vec![0], 0));
    });
}

#[test]
fn a_schedule_has_its_registry_asked_at_its_time() {
    run(async {
        let here = Namespace::new(World::shared().await, "scheduled").await;
        here.push("myapp", "latest", 0).await;
        let track =
            json!({ "track": { "push": false, "schedule": "* * * * *", "timeZone": "Europe/Zurich" } });
        here.apply(&here.tag("myapp", track)).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        here.push("myapp", "latest", 1).await;
        // It is due at the next full minute, and a few seconds later where others are due then as well.
        let past = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() % 60;
        tokio::time::sleep(std::time::Duration::from_secs(60 - past)).await;
        assert_eq!(trigger(&here.newest("myapp", 1).await), "Poll");
        here.wait_for_generation("myapp", 1).await;
    });
}
