//! Roll-outs: taken up again, and kept to their pace.

use serde_json::{Value, json};

use crate::support::{Namespace, World, a_moment, eventually, run};

#[test]
fn a_roll_out_goes_on_where_a_killed_operator_left_it() {
    run(async {
        let world = World::start(&[]).await;
        let here = Namespace::new(&world, "half").await;
        here.ready_tag("myapp").await;
        let names: Vec<String> = (0..20).map(|number| format!("d{number}")).collect();
        let items: Vec<Value> = names.iter().map(|name| here.deployment(name, "myapp")).collect();
        here.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items })).await.unwrap();
        let second = here.push("myapp", "latest", 1).await;
        let next = ["patch", "tag", "myapp", "--type=merge", "-p", r#"{"spec":{"generation":1}}"#];
        here.kubectl(&next).await.unwrap();
        world.operator.kill().unwrap();
        world.operator.start_again().await.unwrap();
        for name in &names {
            here.wait_for_image("deployment", name, &second).await;
        }
        a_moment().await;
        for name in &names {
            assert_eq!(here.settled(name).await.replica_sets, 2, "{name} rolled out once");
        }
    });
}

#[test]
fn roll_outs_keep_their_pace_and_one_that_waited_goes_by_what_its_tag_is_then() {
    run(async {
        let world = World::start(&["--roll-out-rate", "1"]).await;
        let here = Namespace::new(&world, "paced").await;
        let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
        let old = here.push("myapp", "latest", 0).await;
        here.apply(&here.tag("myapp", json!({ "generation": 0 }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let new = here.push("myapp", "latest", 1).await;
        here.go_to_generation("myapp", 1).await;
        for name in &names {
            here.apply(&here.deployment(name, "myapp")).await.unwrap();
            assert_eq!(here.image_of("deployment", name).await.as_ref(), Some(&new));
        }
        let mut before = Vec::new();
        for name in &names {
            before.push(here.settled(name).await);
        }
        let images = async || {
            let all = names.iter().map(|name| here.image_of("deployment", name));
            futures::future::join_all(all).await.into_iter().flatten().collect::<Vec<_>>()
        };
        here.go_to_generation("myapp", 0).await;
        eventually("a Deployment that was stepped back", || async {
            images().await.contains(&old).then_some(())
        })
        .await;
        here.go_to_generation("myapp", 1).await;
        eventually("all Deployments with the new image", || async {
            images().await.iter().all(|image| *image == new).then_some(())
        })
        .await;
        // Those that waited when the Tag came back had nothing to do any more, and were not touched.
        let mut untouched = 0;
        for (name, before) in names.iter().zip(before) {
            untouched += usize::from(here.settled(name).await == before);
        }
        assert!((1..names.len()).contains(&untouched), "{untouched}");
    });
}
